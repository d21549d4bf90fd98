/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The one ring that everything goes through: the order in which records get
 * their place in it is the order of events. What finds no room is counted.
 */
#ifndef GOPX_RING_BPF_H
#define GOPX_RING_BPF_H

/* Constants that probe.go sets before loading. */
const volatile __u64 scope_id;		/* the watched cgroup */
const volatile __u32 scope_level;	/* how deep it lies, where known */
const volatile __u32 scope_level_max;	/* greater where it is not known */
const volatile __u64 packet_limit;	/* fill level above which packets are dropped */
const volatile __u32 snaplen;
const volatile __u64 wake_bytes;	/* a power of two, see wake_flags */

/* cgroup_level_max is unlimited; nobody nests deeper than this. */
#define LEVELS_MAX	64

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 << 20);
	__type(value, union record);
} ring SEC(".maps");

enum { LOST_PACKETS, LOST_EVENTS, LOST_KINDS };

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOST_KINDS);
	__type(key, __u32);
	__type(value, __u64);
} lost SEC(".maps");

static __always_inline void count_lost(__u32 kind)
{
	__u64 *n = bpf_map_lookup_elem(&lost, &kind);

	if (n)
		__sync_fetch_and_add(n, 1);
}

/*
 * The flags that submit a record of this size when fill bytes lie before it. The
 * reader looks every 20 ms by itself and is woken only each time that another
 * wake_bytes have come together: a wake-up is an interrupt to this CPU, which a
 * virtual machine leaves for it, and takes the CPU from those who send and receive.
 */
static __always_inline __u64 wake_flags(__u64 fill, __u64 size)
{
	if ((fill ^ (fill + size)) & ~(wake_bytes - 1))
		return BPF_RB_FORCE_WAKEUP;
	return BPF_RB_NO_WAKEUP;
}

static __always_inline void emit(void *record, __u64 size)
{
	__u64 fill = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);

	if (bpf_ringbuf_output(&ring, record, size, wake_flags(fill, size)))
		count_lost(LOST_EVENTS);
}

/* Fills in who is running and when. */
static __always_inline void begin(struct event *e, __u32 kind)
{
	__u64 id = bpf_get_current_pid_tgid();

	e->time = bpf_ktime_get_ns();
	e->kind = kind;
	e->pid = id >> 32;
	e->tid = id;
	e->pad = 0;
	bpf_get_current_comm(e->comm, sizeof(e->comm));
}

/*
 * Whether the running process is in the watched cgroup or below. Inside a
 * cgroup namespace the true depth cannot be known, hence the loop; otherwise it
 * runs once.
 */
static __always_inline bool in_scope(void)
{
	for (__u32 level = scope_level; level <= scope_level_max && level < LEVELS_MAX; level++) {
		__u64 id = bpf_get_current_ancestor_cgroup_id(level);

		if (id == scope_id)
			return true;
		if (!id)
			return false;
	}
	return false;
}

#endif
