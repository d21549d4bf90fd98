/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The gap filler: packets of a watched flow that meet no socket any more, and
 * so no cgroup. These are the peer's FIN and our ACK in TIME_WAIT, data after
 * close and the RST it earns, and ICMP errors, which no socket ever meets.
 */
#ifndef GOPX_GAP_BPF_H
#define GOPX_GAP_BPF_H

/* Enough for the headers; only the linear part of a packet can be read here. */
#define GAP_MAX		256U

/*
 * A bridge, a bond or a VLAN shows one packet on two interfaces. The same
 * sequence numbers on another interface within this time are that; a
 * retransmission takes longer (TCP_RTO_MIN is 200 ms).
 */
#define SAME_PACKET_NS	(1000ULL * 1000)

struct gap_event {
	struct packet_event packet;
	__u8 data[GAP_MAX];
};

static __always_inline bool is_icmp_error(const struct flow *f, __u8 type)
{
	if (f->protocol == IPPROTO_ICMP)	/* RFC 792, RFC 1812 section 4.3 */
		return f->version == 4 &&
		       (type == 3 || type == 4 || type == 5 || type == 11 || type == 12);
	/* RFC 4443 section 2.1: error types have no high bit; 1 to 4 exist. */
	return f->protocol == IPPROTO_ICMPV6 && f->version == 6 && type >= 1 && type <= 4;
}

/*
 * Finds the flow that an inbound ICMP error at l4 is about: that of the packet
 * of ours inside it.
 */
static __always_inline struct flow_state *find_by_error(const struct bytes *b, __u32 l4,
							struct flow *f)
{
	struct flow inner = { .netns = f->netns };
	__u32 at = l4 + 8;
	__u8 type;

	if (load(b, l4, &type, 1) || !is_icmp_error(f, type))
		return NULL;
	if (!load_addresses(b, &at, true, &inner) || !load_ports(b, at, true, &inner))
		return NULL;
	return bpf_map_lookup_elem(&flows, &inner);
}

/*
 * The flow if the socket is gone. An aborting socket is in CLOSE before its RST
 * leaves through cgroup_skb, though, and then still hangs on the packet. So does
 * a TIME_WAIT socket on newer kernels, whose packets cgroup_skb does not see.
 */
static __always_inline struct flow_state *find_dead(struct sk_buff *skb, const struct bytes *b,
						    __u32 l4, bool outbound, struct flow *f)
{
	struct flow_state *s;
	struct sock *sk;

	if (f->protocol != IPPROTO_TCP || !load_ports(b, l4, outbound, f))
		return NULL;
	s = bpf_map_lookup_elem(&flows, f);
	if (!s || !s->dead)
		return NULL;
	sk = outbound ? BPF_CORE_READ(skb, sk) : NULL;
	if (sk && (__u64)BPF_CORE_READ(sk, __sk_common.skc_cookie.counter) == s->cookie &&
	    BPF_CORE_READ(sk, __sk_common.skc_state) != TCP_TIME_WAIT)
		return NULL;
	return s;
}

/* Whether the packet was just emitted for another interface; remembers it. */
static __always_inline bool seen(struct flow_state *s, const struct bytes *b, __u32 l4,
				 __u32 ifindex)
{
	__u64 now = bpf_ktime_get_ns();
	__u64 id = 0;	/* TCP: sequence and acknowledgment number */
	bool again;

	load(b, l4 + 4, &id, sizeof(id));
	again = s->filled_id == id && s->filled_ifindex != ifindex &&
		now - s->filled_at < SAME_PACKET_NS;
	s->filled_id = id;
	s->filled_ifindex = ifindex;
	s->filled_at = now;
	return again;
}

static __always_inline void emit_gap(const struct flow_state *s, const struct bytes *b,
				     __u32 length, bool outbound)
{
	__u64 fill = bpf_ringbuf_query(&ring, BPF_RB_AVAIL_DATA);
	struct gap_event *g = NULL;
	__u32 n = b->len;

	if (fill + sizeof(*g) <= packet_limit)
		g = bpf_ringbuf_reserve(&ring, sizeof(*g), 0);
	if (!g) {
		count_lost(LOST_PACKETS);
		return;
	}
	begin_packet(&g->packet, NULL, s->cookie, outbound);
	g->packet.event.pid = s->pid;
	g->packet.event.tid = s->tid;
	__builtin_memcpy(g->packet.event.comm, s->comm, sizeof(s->comm));
	g->packet.filled = 1;
	g->packet.length = length;
	if (n > snaplen)
		n = snaplen;
	if (n > GAP_MAX)
		n = GAP_MAX;
	if (bpf_probe_read_kernel(g->data, n, b->data))
		n = 0;
	g->packet.captured = n;
	bpf_ringbuf_submit(g, wake_flags(fill, sizeof(*g)));
}

/* offset is where the IP header begins, from skb->data on. */
static __always_inline int fill_gap(struct sk_buff *skb, __u32 offset, bool outbound)
{
	__u32 linear = BPF_CORE_READ(skb, len) - BPF_CORE_READ(skb, data_len);
	__u16 protocol = BPF_CORE_READ(skb, protocol);
	struct flow f = { .netns = BPF_CORE_READ(skb, dev, nd_net.net, net_cookie) };
	struct flow_state *s;
	struct bytes b = { .data = BPF_CORE_READ(skb, data) + offset };
	__u32 at = 0;

	if (protocol != bpf_htons(0x0800) && protocol != bpf_htons(0x86dd))
		return 0;
	if (offset > linear)
		return 0;
	b.len = linear - offset;
	if (!load_addresses(&b, &at, outbound, &f))
		return 0;
	if (f.protocol == IPPROTO_TCP)
		s = find_dead(skb, &b, at, outbound, &f);
	else
		s = outbound ? NULL : find_by_error(&b, at, &f);
	if (!s || seen(s, &b, at, BPF_CORE_READ(skb, dev, ifindex)))
		return 0;
	emit_gap(s, &b, BPF_CORE_READ(skb, len) - offset, outbound);
	return 0;
}

/* The network header is not set yet here: data begins with it. */
SEC("tp_btf/netif_receive_skb")
int BPF_PROG(gap_in, struct sk_buff *skb)
{
	return fill_gap(skb, 0, false);
}

/* Here data begins with the link-layer header, if there is one. */
SEC("tp_btf/net_dev_queue")
int BPF_PROG(gap_out, struct sk_buff *skb)
{
	const unsigned char *l3 = BPF_CORE_READ(skb, head) + BPF_CORE_READ(skb, network_header);

	return fill_gap(skb, l3 - BPF_CORE_READ(skb, data), true);
}

#endif
