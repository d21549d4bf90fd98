//go:build ignore

/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The kernel side of gopx-trace, one translation unit. Every program here is
 * attached by a link, and writes to one ring. None of them is a kprobe or needs a
 * trampoline (fentry, LSM): kernels without these are common in small machines.
 */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>

#include "event.h"
#include "ring.bpf.h"
#include "flow.bpf.h"
#include "packet.bpf.h"
#include "gap.bpf.h"
#include "socket.bpf.h"
#include "process.bpf.h"
#include "keylog.bpf.h"

char _license[] SEC("license") = "Dual BSD/GPL";
