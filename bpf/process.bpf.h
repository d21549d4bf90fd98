/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The tree of processes: fork, exec, exit.
 */
#ifndef GOPX_PROCESS_BPF_H
#define GOPX_PROCESS_BPF_H

/* Processes whose exit was emitted, see process_exit. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 8192);
	__type(key, __u32);
	__type(value, __u32);
} exited SEC(".maps");

/*
 * The first process of the cgroup has a parent outside, which is the one that
 * runs here (CLONE_INTO_CGROUP), so the child's cgroup counts as well.
 */
SEC("tp_btf/sched_process_fork")
int BPF_PROG(process_fork, struct task_struct *parent, struct task_struct *child)
{
	struct fork_event e = {};

	e.child = BPF_CORE_READ(child, tgid);
	e.parent = BPF_CORE_READ(parent, tgid);
	if ((__u32)BPF_CORE_READ(child, pid) != e.child)	/* a thread */
		return 0;
	if (!in_scope() && BPF_CORE_READ(child, cgroups, dfl_cgrp, kn, id) != scope_id)
		return 0;
	bpf_map_delete_elem(&exited, &e.child);
	begin(&e.event, EVENT_FORK);
	emit(&e, sizeof(e));
	return 0;
}

/* Copies the arguments, which lie in user memory one behind the other. */
static __always_inline void load_argv(struct exec_event *e, struct task_struct *task)
{
	unsigned long start = BPF_CORE_READ(task, mm, arg_start);
	__u64 n = BPF_CORE_READ(task, mm, arg_end) - start;

	e->argv_all = n;
	if (n > ARGV_LEN - 1)
		n = ARGV_LEN - 1;
	/* The pages were written a moment ago, so they are there. */
	if (!bpf_probe_read_user(e->argv, n & (ARGV_LEN - 1), (void *)start))
		e->argv_len = n;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(process_exec, struct task_struct *task, pid_t old_pid, struct linux_binprm *bprm)
{
	struct exec_event *e;
	long n;

	if (!in_scope())
		return 0;
	e = bpf_ringbuf_reserve(&ring, sizeof(*e), 0);
	if (!e) {
		count_lost(LOST_EVENTS);
		return 0;
	}
	begin(&e->event, EVENT_EXEC);
	e->inode = BPF_CORE_READ(bprm, file, f_inode, i_ino);
	e->dev = BPF_CORE_READ(bprm, file, f_inode, i_sb, s_dev);
	e->ppid = BPF_CORE_READ(task, real_parent, tgid);
	e->exe_len = 0;
	e->argv_len = 0;
	n = bpf_probe_read_kernel_str(e->exe, sizeof(e->exe), BPF_CORE_READ(bprm, filename));
	if (n > 0)
		e->exe_len = n - 1;
	load_argv(e, task);
	bpf_ringbuf_submit(e, BPF_RB_FORCE_WAKEUP);
	return 0;
}

/*
 * A process ends with its last thread, which need not be the one it began with.
 * Two threads that end at the same time can both find that nobody lives: only
 * one of them gets its entry into the map.
 */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	__u32 pid = BPF_CORE_READ(task, tgid), tid = BPF_CORE_READ(task, pid);
	struct exit_event e = {};

	if (!in_scope())
		return 0;
	bpf_map_delete_elem(&connecting, &tid);	/* killed inside connect(2) */
	if (BPF_CORE_READ(task, signal, live.counter))
		return 0;
	if (bpf_map_update_elem(&exited, &pid, &tid, BPF_NOEXIST))
		return 0;
	begin(&e.event, EVENT_EXIT);
	e.status = BPF_CORE_READ(task, signal, group_exit_code);
	if (bpf_ringbuf_output(&ring, &e, sizeof(e), BPF_RB_FORCE_WAKEUP))
		count_lost(LOST_EVENTS);
	return 0;
}

#endif
