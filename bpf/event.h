/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The records of the ring: what crosses from the kernel into Go. bpf2go makes
 * the Go declarations from these, so they are fixed width and padded by hand.
 */
#ifndef GOPX_EVENT_H
#define GOPX_EVENT_H

#define COMM_LEN	16
#define EXE_LEN		1024
#define ARGV_LEN	1024
#define LABEL_LEN	48
#define RANDOM_LEN	32
#define SECRET_LEN	64
#define ADDR_LEN	16

/* The kind of a record; sample.go documents each. */
enum event_kind {
	EVENT_PACKET = 1,
	EVENT_FORK,
	EVENT_EXEC,
	EVENT_EXIT,
	EVENT_SECRET,
	EVENT_SOCKET_CREATE,
	EVENT_SOCKET_CONNECT,
	EVENT_SOCKET_CONNECTED,
	EVENT_SOCKET_STATE,
	EVENT_RETRANSMIT,
	EVENT_RESET_OUT,
	EVENT_RESET_IN,
	EVENT_SOCKET_ERROR,
};

struct event {
	__u64 time;		/* CLOCK_MONOTONIC, ns */
	__u32 kind;		/* enum event_kind */
	__u32 pid;
	__u32 tid;
	__u32 pad;
	__u8 comm[COMM_LEN];
};

/* The packet's bytes follow, from the IP header on. */
struct packet_event {
	struct event event;
	__u64 cookie;
	__u32 length;		/* of the packet, captured or not */
	__u32 captured;		/* bytes that follow */
	__u8 outbound;
	__u8 filled;		/* seen by the gap filler */
	__u8 pad[6];
};

struct fork_event {
	struct event event;
	__u32 child;
	__u32 parent;
};

struct exec_event {
	struct event event;
	__u64 inode;
	__u32 dev;		/* the kernel's encoding: 12 bits major, 20 minor */
	__u32 ppid;
	__u32 exe_len;		/* without the closing zero */
	__u32 argv_len;
	__u64 argv_all;		/* length of argv before it was cut */
	__u8 exe[EXE_LEN];
	__u8 argv[ARGV_LEN];
};

struct exit_event {
	struct event event;
	__u32 status;		/* as wait(2) gives it */
	__u32 pad;
};

struct socket_event {
	struct event event;
	__u64 cookie;
	__u32 family;
	__u32 type;
	__u32 protocol;
	__u32 old_state;
	__u32 new_state;
	__u32 error;		/* positive errno */
	__u32 srtt;		/* microseconds */
	__u32 retransmits;
	__u8 local[ADDR_LEN];	/* IPv4: the first four bytes */
	__u8 remote[ADDR_LEN];
	__u16 local_port;	/* host byte order, both */
	__u16 remote_port;
	__u32 pad;
};

struct secret_event {
	struct event event;
	__u32 label_len;
	__u32 secret_len;
	__u8 label[LABEL_LEN];
	__u8 random[RANDOM_LEN];
	__u8 secret[SECRET_LEN];
};

/* What a record can be. It also makes the compiler describe all of them. */
union record {
	struct event event;
	struct packet_event packet;
	struct fork_event fork;
	struct exec_event exec;
	struct exit_event exit;
	struct socket_event socket;
	struct secret_event secret;
};

#endif
