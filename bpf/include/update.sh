#!/bin/sh
# Copies the libbpf headers that the programs include from the package libbpf-dev.
# They are dual licensed, LGPL-2.1 or BSD-2-Clause; see LICENSE.BSD-2-Clause here.
set -eu
cd "$(dirname "$0")/bpf"
for header in bpf_core_read.h bpf_endian.h bpf_helper_defs.h bpf_helpers.h bpf_tracing.h; do
	cp "/usr/include/bpf/$header" .
done
