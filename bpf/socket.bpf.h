/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The life of a socket: created, connected, its TCP states, resets and errors.
 */
#ifndef GOPX_SOCKET_BPF_H
#define GOPX_SOCKET_BPF_H

/* Threads inside connect(2), and the socket that each connects. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u64);
} connecting SEC(".maps");

/* Makes the running process the owner of a socket that has none. */
static __always_inline struct owner *own(void *sk, __u64 netns)
{
	struct owner *o = bpf_sk_storage_get(&owners, sk, NULL, 0);
	__u64 id = bpf_get_current_pid_tgid();

	if (o)
		return o;
	o = bpf_sk_storage_get(&owners, sk, NULL, BPF_SK_STORAGE_GET_F_CREATE);
	if (!o)
		return NULL;
	o->netns = netns;
	o->pid = id >> 32;
	o->tid = id;
	bpf_get_current_comm(o->comm, sizeof(o->comm));
	return o;
}

SEC("cgroup/sock_create")
int socket_create(struct bpf_sock *sk)
{
	struct socket_event e = {};

	own(sk, bpf_get_netns_cookie(sk));
	begin(&e.event, EVENT_SOCKET_CREATE);
	e.cookie = bpf_get_socket_cookie(sk);
	e.family = sk->family;
	e.type = sk->type;
	e.protocol = sk->protocol;
	emit(&e, sizeof(e));
	return 1;
}

static __always_inline int on_connect(struct bpf_sock_addr *ctx, bool v6)
{
	struct socket_event e = {};

	/* For a socket that is older than the probe. */
	own(ctx->sk, bpf_get_netns_cookie(ctx));
	begin(&e.event, EVENT_SOCKET_CONNECT);
	e.cookie = bpf_get_socket_cookie(ctx);
	e.family = ctx->family;
	e.type = ctx->type;
	e.protocol = ctx->protocol;
	e.remote_port = bpf_ntohs((__u16)ctx->user_port);
	if (v6) {
		((__u32 *)e.remote)[0] = ctx->user_ip6[0];
		((__u32 *)e.remote)[1] = ctx->user_ip6[1];
		((__u32 *)e.remote)[2] = ctx->user_ip6[2];
		((__u32 *)e.remote)[3] = ctx->user_ip6[3];
	} else {
		((__u32 *)e.remote)[0] = ctx->user_ip4;
	}
	bpf_map_update_elem(&connecting, &e.event.tid, &e.cookie, BPF_ANY);
	emit(&e, sizeof(e));
	return 1;
}

SEC("cgroup/connect4")
int connect4(struct bpf_sock_addr *ctx)
{
	return on_connect(ctx, false);
}

SEC("cgroup/connect6")
int connect6(struct bpf_sock_addr *ctx)
{
	return on_connect(ctx, true);
}

/* An unconnected UDP socket may be older than the probe, too. */
SEC("cgroup/sendmsg4")
int sendmsg4(struct bpf_sock_addr *ctx)
{
	own(ctx->sk, bpf_get_netns_cookie(ctx));
	return 1;
}

SEC("cgroup/sendmsg6")
int sendmsg6(struct bpf_sock_addr *ctx)
{
	own(ctx->sk, bpf_get_netns_cookie(ctx));
	return 1;
}

SEC("tracepoint/syscalls/sys_exit_connect")
int connected(struct syscall_exit *ctx)
{
	__u32 tid = bpf_get_current_pid_tgid();
	__u64 *cookie = bpf_map_lookup_elem(&connecting, &tid);
	struct socket_event e = {};

	if (!cookie)
		return 0;
	begin(&e.event, EVENT_SOCKET_CONNECTED);
	e.cookie = *cookie;
	e.error = -ctx->result;
	bpf_map_delete_elem(&connecting, &tid);
	emit(&e, sizeof(e));
	return 0;
}

static __always_inline void load_addrs(struct socket_event *e, struct sock *sk)
{
	e->local_port = BPF_CORE_READ(sk, __sk_common.skc_num);
	e->remote_port = bpf_ntohs(BPF_CORE_READ(sk, __sk_common.skc_dport));
	if (e->family == AF_INET) {
		BPF_CORE_READ_INTO((__u32 *)e->local, sk, __sk_common.skc_rcv_saddr);
		BPF_CORE_READ_INTO((__u32 *)e->remote, sk, __sk_common.skc_daddr);
	} else if (bpf_core_field_exists(sk->__sk_common.skc_v6_daddr)) {
		BPF_CORE_READ_INTO(&e->local, sk, __sk_common.skc_v6_rcv_saddr.in6_u.u6_addr8);
		BPF_CORE_READ_INTO(&e->remote, sk, __sk_common.skc_v6_daddr.in6_u.u6_addr8);
	}
}

/* Begins a record about a socket and its owner. */
static __always_inline void begin_socket(struct socket_event *e, struct sock *sk,
					 const struct owner *o, __u32 kind)
{
	struct tcp_sock *tcp;

	e->event.time = bpf_ktime_get_ns();
	e->event.kind = kind;
	e->event.pid = o->pid;
	e->event.tid = o->tid;
	__builtin_memcpy(e->event.comm, o->comm, sizeof(o->comm));
	e->cookie = bpf_get_socket_cookie(sk);
	e->family = BPF_CORE_READ(sk, __sk_common.skc_family);
	e->type = BPF_CORE_READ(sk, sk_type);
	e->protocol = BPF_CORE_READ(sk, sk_protocol);
	e->error = BPF_CORE_READ(sk, sk_err);
	load_addrs(e, sk);
	tcp = e->protocol == IPPROTO_TCP ? bpf_skc_to_tcp_sock(sk) : NULL;
	if (tcp) {
		e->srtt = BPF_CORE_READ(tcp, srtt_us) >> 3;	/* kept times 8 */
		e->retransmits = BPF_CORE_READ(tcp, total_retrans);
	}
}

static __always_inline int on_socket(struct sock *sk, __u32 kind)
{
	struct socket_event e = {};
	struct owner *o;

	if (!sk)
		return 0;
	o = bpf_sk_storage_get(&owners, sk, NULL, 0);
	if (!o)
		return 0;
	begin_socket(&e, sk, o, kind);
	if (kind == EVENT_SOCKET_ERROR && !e.error)
		e.error = BPF_CORE_READ(sk, sk_err_soft);
	emit(&e, sizeof(e));
	return 0;
}

/*
 * The owner of a socket that changes its state. The kernel makes some sockets by
 * itself, for a process that connects or listens: the subflows of MPTCP, which Go
 * listens with. They begin to do so while that process runs.
 */
static __always_inline struct owner *find_owner(struct sock *sk, int old_state, int new_state)
{
	if (old_state == TCP_CLOSE && (new_state == TCP_SYN_SENT || new_state == TCP_LISTEN) &&
	    in_scope())
		return own(sk, BPF_CORE_READ(sk, __sk_common.skc_net.net, net_cookie));
	return bpf_sk_storage_get(&owners, sk, NULL, 0);
}

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(socket_state, struct sock *sk, int old_state, int new_state)
{
	struct socket_event e = {};
	struct owner *o;

	if (old_state == new_state)
		return 0;
	o = find_owner(sk, old_state, new_state);
	if (!o)
		return 0;
	begin_socket(&e, sk, o, EVENT_SOCKET_STATE);
	e.old_state = old_state;
	e.new_state = new_state;
	if (new_state == TCP_CLOSE)
		bury_flow(o, e.cookie);
	emit(&e, sizeof(e));
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(retransmit, struct sock *sk)
{
	return on_socket(sk, EVENT_RETRANSMIT);
}

/* The RST to a packet that fits no socket has none: sk is NULL then. */
SEC("tp_btf/tcp_send_reset")
int BPF_PROG(reset_out, struct sock *sk)
{
	return on_socket(sk, EVENT_RESET_OUT);
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(reset_in, struct sock *sk)
{
	return on_socket(sk, EVENT_RESET_IN);
}

SEC("tp_btf/inet_sk_error_report")
int BPF_PROG(socket_error, struct sock *sk)
{
	return on_socket(sk, EVENT_SOCKET_ERROR);
}

#endif
