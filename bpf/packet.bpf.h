/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Packets that meet a socket of the cgroup, whole, from the IP header on.
 */
#ifndef GOPX_PACKET_BPF_H
#define GOPX_PACKET_BPF_H

/* The longest packet kept whole; only BIG TCP makes longer ones. */
#define PACKET_MAX	(256U << 10)

/* The last slice of a large packet; the size of a slice of a dynptr must be a constant. */
#define CHUNK		4096U

static __always_inline long copy_slice(struct __sk_buff *skb, struct bpf_dynptr *d,
				       __u32 offset, const __u32 size)
{
	void *to = bpf_dynptr_data(d, sizeof(struct packet_event) + offset, size);

	if (!to)
		return -1;
	return bpf_skb_load_bytes(skb, offset, to, size);
}

/* Copies n bytes, size <= n <= 2*size, as two slices that may overlap. */
static __always_inline long copy_pair(struct __sk_buff *skb, struct bpf_dynptr *d,
				      __u32 n, const __u32 size)
{
	long err = copy_slice(skb, d, 0, size);

	if (n > size)
		err |= copy_slice(skb, d, n - size, size);
	return err;
}

/* A copy of a packet that has come as far as at. */
struct copy {
	struct bpf_dynptr d;
	struct __sk_buff *skb;
	__u32 at;
	long err;
};

/* Copies the next size bytes if that many are left of n. */
static __always_inline void copy_next(struct copy *c, __u32 n, const __u32 size)
{
	if (n - c->at < size)
		return;
	c->err |= copy_slice(c->skb, &c->d, c->at, size);
	c->at += size;
}

/*
 * Copies n bytes, CHUNK <= n <= PACKET_MAX, in few and long slices: each call
 * walks the fragments of the packet from the first on.
 */
static __always_inline long copy_large(struct copy *c, __u32 n)
{
	copy_next(c, n, 128U << 10);
	copy_next(c, n, 128U << 10);
	copy_next(c, n, 64U << 10);
	copy_next(c, n, 32U << 10);
	copy_next(c, n, 16U << 10);
	copy_next(c, n, 8U << 10);
	copy_next(c, n, CHUNK);
	if (c->at < n)
		c->err |= copy_slice(c->skb, &c->d, n - CHUNK, CHUNK);
	return c->err;
}

/*
 * Copies the first n bytes of the packet. Slices have constant sizes, so the
 * last one begins early enough to end at n and overlaps the one before.
 */
static __always_inline long copy_packet(struct copy *c, __u32 n)
{
	struct __sk_buff *skb = c->skb;
	struct bpf_dynptr *d = &c->d;

	if (n >= CHUNK)
		return copy_large(c, n);
	if (n >= 2048)
		return copy_pair(skb, d, n, 2048);
	if (n >= 1024)
		return copy_pair(skb, d, n, 1024);
	if (n >= 512)
		return copy_pair(skb, d, n, 512);
	if (n >= 256)
		return copy_pair(skb, d, n, 256);
	if (n >= 128)
		return copy_pair(skb, d, n, 128);
	if (n >= 64)
		return copy_pair(skb, d, n, 64);
	if (n >= 32)
		return copy_pair(skb, d, n, 32);
	if (n >= 16)
		return copy_pair(skb, d, n, 16);
	return -1;	/* shorter than any IP header */
}

/* Fills in all but the packet's bytes; o may be NULL. */
static __always_inline void begin_packet(struct packet_event *p, const struct owner *o,
					 __u64 cookie, bool outbound)
{
	__builtin_memset(p, 0, sizeof(*p));
	p->event.time = bpf_ktime_get_ns();
	p->event.kind = EVENT_PACKET;
	p->cookie = cookie;
	p->outbound = outbound;
	if (o) {
		p->event.pid = o->pid;
		p->event.tid = o->tid;
		__builtin_memcpy(p->event.comm, o->comm, sizeof(o->comm));
	}
}

static __always_inline void capture(struct __sk_buff *skb, const struct owner *o, bool outbound)
{
	__u64 fill = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	struct packet_event *p;
	struct copy c = { .skb = skb };
	__u32 n = skb->len;

	if (n > snaplen)
		n = snaplen;
	if (n > PACKET_MAX)
		n = PACKET_MAX;
	if (fill + n > packet_limit) {
		count_lost(LOST_PACKETS);
		return;
	}
	if (bpf_ringbuf_reserve_dynptr(&ring, sizeof(*p) + n, 0, &c.d))
		goto discard;
	p = bpf_dynptr_data(&c.d, 0, sizeof(*p));
	if (!p)
		goto discard;
	begin_packet(p, o, bpf_get_socket_cookie(skb), outbound);
	p->length = skb->len;
	p->captured = n;
	if (copy_packet(&c, n))
		goto discard;
	bpf_ringbuf_submit_dynptr(&c.d, wake_flags(fill, sizeof(*p) + n));
	return;
discard:
	/* Required even where the reservation has failed. */
	bpf_ringbuf_discard_dynptr(&c.d, 0);
	count_lost(LOST_PACKETS);
}

static __always_inline int on_packet(struct __sk_buff *skb, bool outbound)
{
	struct owner *o = NULL;
	struct bpf_sock *sk = skb->sk;

	if (sk)
		sk = bpf_sk_fullsock(sk);
	if (sk)
		o = bpf_sk_storage_get(&owners, sk, NULL, 0);
	if (o && outbound)
		register_flow(skb, sk, o);
	capture(skb, o, outbound);
	return 1;	/* let it pass */
}

SEC("cgroup_skb/ingress")
int packet_in(struct __sk_buff *skb)
{
	return on_packet(skb, false);
}

SEC("cgroup_skb/egress")
int packet_out(struct __sk_buff *skb)
{
	return on_packet(skb, true);
}

#endif
