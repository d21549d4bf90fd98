/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Who owns a socket, and which addresses and ports belong to it after the
 * socket itself is gone.
 */
#ifndef GOPX_FLOW_BPF_H
#define GOPX_FLOW_BPF_H

/* A flow as the host sees it; byte order as on the wire. */
struct flow {
	__u64 netns;
	__u8 local[ADDR_LEN];
	__u8 remote[ADDR_LEN];
	__u16 local_port;
	__u16 remote_port;
	__u8 protocol;
	__u8 version;
	__u8 pad[2];
};

struct owner {
	__u64 netns;
	__u32 pid;
	__u32 tid;
	__u8 comm[COMM_LEN];
	struct flow flow;	/* TCP only, once registered */
	__u32 registered;
	__u32 pad;
};

/*
 * An accepted socket inherits its listener's owner (BPF_F_CLONE), therefore
 * nothing that names the socket itself, like its cookie, belongs in there.
 */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct owner);
} owners SEC(".maps");

struct flow_state {
	__u64 cookie;
	__u32 pid;
	__u32 tid;
	__u8 comm[COMM_LEN];
	__u32 dead;		/* the socket has reached CLOSE */
	/* The packet that the gap filler emitted last, see gap.bpf.h. */
	__u32 filled_ifindex;
	__u64 filled_at;
	__u64 filled_id;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 32768);
	__type(key, struct flow);
	__type(value, struct flow_state);
} flows SEC(".maps");

/* Packet bytes: those of skb if that is set, else len bytes of memory at data. */
struct bytes {
	struct __sk_buff *skb;
	const unsigned char *data;
	__u32 len;
};

static __always_inline long load(const struct bytes *b, __u32 offset, void *to, __u32 n)
{
	if (b->skb)
		return bpf_skb_load_bytes(b->skb, offset, to, n);
	if (offset > b->len || b->len - offset < n)
		return -1;
	return bpf_probe_read_kernel(to, n, b->data + offset);
}

/* Upper limit of IPv6 extension headers walked over. */
#define EXTENSIONS_MAX	6

/* A walk over the headers of an IPv6 packet. */
struct walk {
	struct bytes bytes;
	__u32 at;
	__u8 protocol;		/* of the header at at */
	bool failed;
};

/*
 * Skips one IPv6 extension header (RFC 8200 section 4, RFC 4302 section 2); a
 * callback of bpf_loop, which returns 1 to end the loop.
 */
static long skip_extension(__u32 i, struct walk *w)
{
	__u8 head[4];
	__u32 size = 8;

	switch (w->protocol) {
	case 0: case 43: case 44: case 51: case 60:
		break;
	default:
		return 1;
	}
	if (load(&w->bytes, w->at, head, sizeof(head)))
		goto fail;
	/* Only a first fragment has the header that we look for. */
	if (w->protocol == 44 && (head[2] || head[3] & 0xf8))
		goto fail;
	if (w->protocol == 51)
		size = (head[1] + 2) * 4;
	else if (w->protocol != 44)
		size = (head[1] + 1) * 8;
	w->at += size;
	w->protocol = head[0];
	return 0;
fail:
	w->failed = true;
	return 1;
}

/* Moves *at and *protocol to the upper layer; false if it is not there. */
static __always_inline bool skip_extensions(const struct bytes *b, __u32 *at, __u8 *protocol)
{
	struct walk w = { .bytes = *b, .at = *at, .protocol = *protocol };

	/* A loop in the open has the verifier follow all combinations of headers. */
	bpf_loop(EXTENSIONS_MAX, skip_extension, &w, 0);
	*at = w.at;
	*protocol = w.protocol;
	return !w.failed;
}

/*
 * Reads the IP header at *at into the flow and moves *at to the header of the
 * upper layer. outbound says that the source is the local side.
 */
static __always_inline bool load_addresses(const struct bytes *b, __u32 *at, bool outbound,
					   struct flow *f)
{
	__u8 *source = outbound ? f->local : f->remote;
	__u8 *destination = outbound ? f->remote : f->local;
	__u8 head[40];

	if (load(b, *at, head, 20))
		return false;
	f->version = head[0] >> 4;
	if (f->version == 4) {
		if (head[6] & 0x1f || head[7])	/* not the first fragment */
			return false;
		__builtin_memcpy(source, head + 12, 4);
		__builtin_memcpy(destination, head + 16, 4);
		f->protocol = head[9];
		*at += (head[0] & 15) * 4;
		return true;
	}
	if (f->version != 6 || load(b, *at, head, 40))
		return false;
	__builtin_memcpy(source, head + 8, 16);
	__builtin_memcpy(destination, head + 24, 16);
	f->protocol = head[6];
	*at += 40;
	return skip_extensions(b, at, &f->protocol);
}

static __always_inline bool load_ports(const struct bytes *b, __u32 at, bool outbound,
				       struct flow *f)
{
	__u16 ports[2];

	if (f->protocol != IPPROTO_TCP && f->protocol != IPPROTO_UDP)
		return false;
	if (load(b, at, ports, sizeof(ports)))
		return false;
	f->local_port = outbound ? ports[0] : ports[1];
	f->remote_port = outbound ? ports[1] : ports[0];
	return true;
}

/* Remembers the flow of a packet that the socket sends. */
static __always_inline void register_flow(struct __sk_buff *skb, struct bpf_sock *sk,
					  struct owner *o)
{
	struct bytes b = { .skb = skb };
	struct flow f = { .netns = o->netns };
	struct flow_state s = { .pid = o->pid, .tid = o->tid };
	struct flow_state *old;
	__u32 at = 0;

	/* A SYN-ACK leaves through the listener, the RST of an abort after CLOSE. */
	if (sk->protocol == IPPROTO_TCP &&
	    (o->registered || sk->state == TCP_LISTEN || sk->state == TCP_CLOSE))
		return;
	if (!load_addresses(&b, &at, true, &f) || !load_ports(&b, at, true, &f))
		return;
	s.cookie = bpf_get_socket_cookie(skb);
	__builtin_memcpy(s.comm, o->comm, sizeof(s.comm));
	old = bpf_map_lookup_elem(&flows, &f);
	if (!old || old->cookie != s.cookie || old->dead)
		bpf_map_update_elem(&flows, &f, &s, BPF_ANY);
	if (sk->protocol == IPPROTO_TCP) {
		o->flow = f;
		o->registered = 1;
	}
}

/* From now on packets of the flow no longer meet its socket. */
static __always_inline void bury_flow(struct owner *o, __u64 cookie)
{
	struct flow f;
	struct flow_state *s;

	if (!o->registered)
		return;
	f = o->flow;
	s = bpf_map_lookup_elem(&flows, &f);
	if (s && s->cookie == cookie)
		s->dead = 1;
	o->registered = 0;
}

#endif
