/*
 * Writes the seed corpora of the wire room's fuzz targets, one message of each kind:
 * make-corpus FOLDER, into FOLDER/kink and FOLDER/isakmp.
 */
#include <stdio.h>
#include <stdlib.h>

#include "wire/ikev1.h"
#include "wire/kink.h"
#include "wire/vendor.h"

static const uint8_t filler[32] = {0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67};

static struct bytes octets(size_t len)
{
	return bytes_of(filler, len);
}

static void save(const char *folder, const char *target, const char *name, const struct writer *out)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s/%s", folder, target, name);
	file = fopen(path, "wb");
	if (!writer_ok(out) || file == NULL || fwrite(out->data, out->len, 1, file) != 1 ||
	    fclose(file) != 0) {
		perror(path);
		exit(1);
	}
}

static void put_sa(struct isakmp_writer *chain)
{
	static const struct ipsec_attributes gcm = {.life_seconds = 86400,
	    .life_kilobytes = 100000,
	    .group = 31,
	    .encapsulation = ENCAPSULATION_TRANSPORT,
	    .key_length = 256};
	static const struct ipsec_attributes cbc = {.life_seconds = 3600,
	    .encapsulation = ENCAPSULATION_TUNNEL,
	    .authentication = AUTH_HMAC_SHA2_256,
	    .key_length = 128};
	static const struct ipsec_attributes ah = {.authentication = AUTH_HMAC_SHA};
	struct isakmp_sa_writer sa = isakmp_sa_begin(chain, IPSEC_DOI, SIT_IDENTITY_ONLY);

	isakmp_sa_proposal(&sa, 1, PROTO_IPSEC_ESP, octets(4));
	isakmp_sa_transform(&sa, 1, ESP_AES_GCM_16);
	ipsec_attributes_put(chain->out, &gcm);
	isakmp_sa_transform(&sa, 2, ESP_AES_CBC);
	ipsec_attributes_put(chain->out, &cbc);
	isakmp_sa_proposal(&sa, 1, PROTO_IPSEC_AH, octets(4));
	isakmp_sa_transform(&sa, 1, AH_SHA);
	ipsec_attributes_put(chain->out, &ah);
	isakmp_sa_end(&sa);
}

static void put_id(struct isakmp_writer *chain, const char *first, const char *last)
{
	struct address_range range;

	if (address_parse(first, &range.first) != ERR_OK ||
	    address_parse(last, &range.last) != ERR_OK)
		abort();
	isakmp_put_id_range(chain, &range, 6, 443);
}

static void put_notification(struct isakmp_writer *chain)
{
	isakmp_put_notification(chain, &(struct isakmp_notification){.doi = IPSEC_DOI,
					   .protocol = PROTO_IPSEC_ESP,
					   .type = NOTIFY_NO_PROPOSAL_CHOSEN,
					   .spi = octets(4),
					   .data = octets(3)});
}

static void put_quick_mode(struct isakmp_writer *chain)
{
	put_sa(chain);
	isakmp_put(chain, ISAKMP_NONCE, octets(16));
	isakmp_put(chain, ISAKMP_KE, octets(32));
	put_id(chain, "10.1.0.0", "10.1.255.255");
	put_id(chain, "2001:db8::1", "2001:db8::9");
	put_notification(chain);
}

static void put_delete(struct isakmp_writer *chain)
{
	isakmp_put_delete(chain, &(struct isakmp_delete){.doi = IPSEC_DOI,
				     .protocol = PROTO_IPSEC_ESP,
				     .spi_size = 4,
				     .spi_count = 2,
				     .spis = octets(8)});
}

typedef void (*put_payloads)(struct isakmp_writer *chain);

static void put_kink_isakmp(struct kink_writer *message, put_payloads put)
{
	struct isakmp_writer chain = kink_isakmp_begin(message);

	put(&chain);
	kink_isakmp_end(message);
}

/* An AP payload where ap is not KINK_DONE, then the ISAKMP payloads, sealed or not. */
static void save_kink(const char *folder, const char *name, enum kink_type type, uint8_t ap,
    put_payloads put, bool seal)
{
	uint8_t buffer[1024], plain[1024];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct writer inner = writer_of(plain, sizeof(plain));
	struct kink_writer message = kink_begin(
	    &out, &(struct kink_header){.type = (uint8_t)type, .doi = IPSEC_DOI, .xid = 99});
	struct kink_writer hidden = kink_begin_plain(&inner);

	if (ap != KINK_DONE)
		kink_put_ap(&message, ap, &(struct kink_ap){.epoch = 0x60000000, .ap = octets(9)});
	if (put != NULL)
		put_kink_isakmp(seal ? &hidden : &message, put);
	if (seal) {
		kink_close_sealed(&message, inner.len);
		writer_put(&out, writer_bytes(&inner));
		writer_align(&out, 4);
	} else {
		kink_close(&message);
	}
	kink_finish(&out, octets(12));
	save(folder, "kink", name, &out);
}

/* A message of one payload without an AP payload. */
static void save_lone(const char *folder, const char *name, enum kink_type type, uint8_t payload)
{
	uint8_t buffer[128];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct kink_writer message = kink_begin(
	    &out, &(struct kink_header){.type = (uint8_t)type, .doi = IPSEC_DOI, .xid = 99});

	if (payload == KINK_ERROR)
		kink_put_error(&message, KINK_INVMAJ);
	else
		kink_put(&message, payload, octets(13));
	kink_close(&message);
	save(folder, "kink", name, &out);
}

static void put_phase_1_sa(struct isakmp_writer *chain)
{
	static const struct ikev1_attributes known_group = {.encryption = IKEV1_ENCRYPTION_AES_CBC,
	    .key_length = 256,
	    .hash = IKEV1_HASH_SHA2_256,
	    .method = IKEV1_METHOD_PRE_SHARED_KEY,
	    .group = 31,
	    .life_seconds = 86400};
	static const struct ikev1_attributes private_group = {
	    .encryption = IKEV1_ENCRYPTION_3DES_CBC,
	    .hash = IKEV1_HASH_SHA,
	    .method = IKEV1_METHOD_GSS,
	    .group_type = IKEV1_GROUP_TYPE_MODP,
	    .group_prime = {filler, 24},
	    .group_generator_one = {filler, 1},
	    .life_kilobytes = 1000,
	    .gss_identity = {filler, 8}};
	struct isakmp_sa_writer sa = isakmp_sa_begin(chain, IPSEC_DOI, SIT_IDENTITY_ONLY);

	isakmp_sa_proposal(&sa, 1, PROTO_ISAKMP, octets(0));
	isakmp_sa_transform(&sa, 1, KEY_IKE);
	ikev1_attributes_put(chain->out, &known_group);
	isakmp_sa_transform(&sa, 2, KEY_IKE);
	ikev1_attributes_put(chain->out, &private_group);
	isakmp_sa_end(&sa);
}

static void put_main_1(struct isakmp_writer *chain)
{
	put_phase_1_sa(chain);
	for (enum vendor_id id = VENDOR_UNKNOWN + 1; id <= VENDOR_GSS; id++)
		isakmp_put(chain, ISAKMP_VENDOR_ID, vendor_id_octets(id));
}

static void put_main_3(struct isakmp_writer *chain)
{
	static const struct ikev1_gss_token token = {.encoding = 1, .token = {filler, 20}};

	isakmp_put(chain, ISAKMP_KE, octets(32));
	isakmp_put(chain, ISAKMP_NONCE, octets(16));
	ikev1_put_gss_token(chain, &token);
	isakmp_put(chain, ISAKMP_NAT_D, octets(32));
	isakmp_put(chain, ISAKMP_NAT_D, octets(32));
}

static void put_aggressive_1(struct isakmp_writer *chain)
{
	static const struct isakmp_id name = {.type = ID_FQDN, .data = {filler, 8}};

	put_phase_1_sa(chain);
	isakmp_put(chain, ISAKMP_KE, octets(32));
	isakmp_put(chain, ISAKMP_NONCE, octets(16));
	isakmp_put_id(chain, &name);
}

static void put_fragment(struct isakmp_writer *chain)
{
	static const struct ikev1_fragment fragment = {
	    .id = 1, .number = 2, .last = true, .data = {filler, 32}};

	ikev1_put_fragment(chain, &fragment);
}

static void put_hash_and_quick_mode(struct isakmp_writer *chain)
{
	isakmp_put(chain, ISAKMP_HASH, octets(32));
	put_quick_mode(chain);
}

static void put_hash_and_sa(struct isakmp_writer *chain)
{
	isakmp_put(chain, ISAKMP_HASH, octets(32));
	put_phase_1_sa(chain);
}

static void put_phase_1(struct isakmp_writer *chain)
{
	static const struct isakmp_certificate certificate = {
	    .encoding = CERTIFICATE_X509_SIGNATURE, .data = {filler, 7}};
	static const struct isakmp_id name = {.type = ID_FQDN, .data = {filler, 8}};

	isakmp_put_id(chain, &name);
	isakmp_put_certificate(chain, ISAKMP_CERT, &certificate);
	isakmp_put_certificate(chain, ISAKMP_CERTREQ, &certificate);
	isakmp_put(chain, ISAKMP_SIG, octets(24));
	isakmp_put(chain, ISAKMP_HASH, octets(20));
	isakmp_put(chain, ISAKMP_VENDOR_ID, octets(16));
	put_delete(chain);
}

static void save_isakmp(const char *folder, const char *name, enum isakmp_exchange exchange,
    uint8_t flags, put_payloads put)
{
	uint8_t buffer[1024];
	struct writer out = writer_of(buffer, sizeof(buffer));
	struct isakmp_writer chain = isakmp_begin(
	    &out, &(struct isakmp_header){.exchange = (uint8_t)exchange, .flags = flags});

	put(&chain);
	isakmp_end(&out);
	save(folder, "isakmp", name, &out);
}

int main(int argc, char **argv)
{
	const char *folder = argv[1];

	if (argc != 2) {
		fprintf(stderr, "usage: make-corpus FOLDER\n");
		return 1;
	}
	save_kink(folder, "create", KINK_CREATE, KINK_AP_REQ, put_quick_mode, false);
	save_kink(folder, "create-sealed", KINK_CREATE, KINK_AP_REQ, put_quick_mode, true);
	save_kink(folder, "reply", KINK_REPLY, KINK_AP_REP, put_quick_mode, true);
	save_kink(folder, "reply-notify", KINK_REPLY, KINK_AP_REP, put_notification, false);
	save_kink(folder, "delete", KINK_DELETE, KINK_AP_REQ, put_delete, false);
	save_kink(folder, "delete-sealed", KINK_DELETE, KINK_AP_REQ, put_delete, true);
	save_kink(folder, "status", KINK_STATUS, KINK_AP_REQ, NULL, false);
	save_kink(folder, "ack", KINK_ACK, KINK_AP_REQ, NULL, false);
	save_lone(folder, "gettgt", KINK_GETTGT, KINK_TGT_REQ);
	save_lone(folder, "reply-tgt", KINK_REPLY, KINK_TGT_REP);
	save_lone(folder, "reply-krb-error", KINK_REPLY, KINK_KRB_ERROR);
	save_lone(folder, "reply-error", KINK_REPLY, KINK_ERROR);
	save_isakmp(folder, "quick-mode", ISAKMP_EXCHANGE_QUICK, 0, put_quick_mode);
	save_isakmp(folder, "phase-1", ISAKMP_EXCHANGE_IDENTITY_PROTECTION, 0, put_phase_1);
	save_isakmp(folder, "delete", ISAKMP_EXCHANGE_INFORMATIONAL, 0, put_delete);
	save_isakmp(folder, "main-1", ISAKMP_EXCHANGE_IDENTITY_PROTECTION, 0, put_main_1);
	save_isakmp(folder, "main-3-gss", ISAKMP_EXCHANGE_IDENTITY_PROTECTION, 0, put_main_3);
	save_isakmp(folder, "aggressive-1", ISAKMP_EXCHANGE_AGGRESSIVE, 0, put_aggressive_1);
	save_isakmp(folder, "fragment", ISAKMP_EXCHANGE_IDENTITY_PROTECTION, 0, put_fragment);
	/* As they are once decrypted. */
	save_isakmp(folder, "quick-1", ISAKMP_EXCHANGE_QUICK, ISAKMP_FLAG_ENCRYPTION,
	    put_hash_and_quick_mode);
	save_isakmp(folder, "new-group", ISAKMP_EXCHANGE_NEW_GROUP, ISAKMP_FLAG_ENCRYPTION,
	    put_hash_and_sa);
	return 0;
}
