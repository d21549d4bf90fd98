/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * TLS secrets, on the entry of
 *
 *	func (c *Config) writeKeyLog(label string, clientRandom, secret []byte) error
 *
 * of crypto/tls, which is called for every secret, also when nobody asked for a
 * key log.
 */
#ifndef GOPX_KEYLOG_BPF_H
#define GOPX_KEYLOG_BPF_H

/*
 * The integer registers of Go's calling convention (cmd/compile/abi-internal.md)
 * that hold the pieces: the first is c, a string takes two, a slice three.
 */
#if defined(__TARGET_ARCH_x86)
#define LABEL_PTR(r)	((r)->bx)
#define LABEL_SIZE(r)	((r)->cx)
#define RANDOM_PTR(r)	((r)->di)
#define RANDOM_SIZE(r)	((r)->si)
#define SECRET_PTR(r)	((r)->r9)
#define SECRET_SIZE(r)	((r)->r10)
#elif defined(__TARGET_ARCH_arm64)
#define LABEL_PTR(r)	((r)->regs[1])
#define LABEL_SIZE(r)	((r)->regs[2])
#define RANDOM_PTR(r)	((r)->regs[3])
#define RANDOM_SIZE(r)	((r)->regs[4])
#define SECRET_PTR(r)	((r)->regs[6])
#define SECRET_SIZE(r)	((r)->regs[7])
#endif

/*
 * Reading user memory may have to wait for a page (hence a sleepable program).
 * It is read into the stack first: a record reserved meanwhile would hold up
 * everything behind it in the ring.
 */
SEC("uprobe.multi.s")
int keylog(struct pt_regs *regs)
{
	__u64 label_len = LABEL_SIZE(regs), secret_len = SECRET_SIZE(regs);
	struct secret_event e = {};

	if (!in_scope())
		return 0;
	/* Sizes that cannot be: another Go, in which the arguments have moved. */
	if (label_len > LABEL_LEN || RANDOM_SIZE(regs) != RANDOM_LEN || secret_len > SECRET_LEN)
		goto fail;
	begin(&e.event, EVENT_SECRET);
	e.label_len = label_len;
	e.secret_len = secret_len;
	if (bpf_copy_from_user(e.label, label_len, (void *)LABEL_PTR(regs)) ||
	    bpf_copy_from_user(e.random, RANDOM_LEN, (void *)RANDOM_PTR(regs)) ||
	    bpf_copy_from_user(e.secret, secret_len, (void *)SECRET_PTR(regs)))
		goto fail;
	emit(&e, sizeof(e));
	return 0;
fail:
	count_lost(LOST_EVENTS);
	return 0;
}

#endif
