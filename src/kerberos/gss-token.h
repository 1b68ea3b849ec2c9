/*
 * Tokens of GSS-API's Kerberos mechanism as octets: the frame of context tokens (RFC 2743 3.1, RFC
 * 4121 4.1) and the header of wrapped messages (RFC 4121 4.2.6.2).
 */
#ifndef KERBEROS_GSS_TOKEN_H
#define KERBEROS_GSS_TOKEN_H

#include "base/bytes.h"
#include "base/error.h"

/* The authenticator's checksum that holds flags (RFC 4121 4.1.1), and those. */
#define GSS_CHECKSUM_TYPE        0x8003
#define GSS_CHECKSUM_MIN         24
#define GSS_CHECKSUM_FLAGS_AT    20
#define GSS_FLAG_MUTUAL          2
#define GSS_FLAG_CONFIDENTIALITY 16
#define GSS_FLAG_INTEGRITY       32

/* What a context token holds: RFC 4121 4.1. */
enum gss_token_id {
	GSS_TOKEN_AP_REQ = 0x0100,
	GSS_TOKEN_AP_REP = 0x0200,
	GSS_TOKEN_ERROR = 0x0300
};

/* More than the frame takes. */
#define GSS_FRAME_MAX 24

/* The frame around a message of Kerberos; of less than 64 KiB. */
void gss_put_token(struct writer *out, enum gss_token_id id, struct bytes message);
/* ERR_INVALID for what is no token of this mechanism. *id may be any number. */
enum err gss_take_token(struct bytes token, uint16_t *id, struct bytes *message) MUST_CHECK;

#define GSS_WRAP_HEADER 16

/* Flags of a wrapped message: RFC 4121 4.2.2. */
#define GSS_WRAP_BY_ACCEPTOR     1
#define GSS_WRAP_SEALED          2
#define GSS_WRAP_ACCEPTOR_SUBKEY 4

struct gss_wrap {
	uint8_t flags;
	uint16_t extra;    /* EC: octets of filler behind the plaintext */
	uint16_t rotation; /* RRC: by so many octets what follows is turned to the right */
	uint64_t sequence;
};

void gss_put_wrap(struct writer *out, const struct gss_wrap *wrap);
/* What is in *header; ERR_INVALID for another kind of token. */
enum err gss_take_wrap(struct reader *from, struct gss_wrap *wrap) MUST_CHECK;

#endif
