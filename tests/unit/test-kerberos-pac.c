/*
 * Groups in a PAC: MS-PAC 2.5, on what a domain controller (Samba 4.17) gave for an account; and
 * that they count only under the signature of the ticket's server (MS-PAC 2.8).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "kerberos/pac.h"
#include "kerberos/private.h"

#define DOMAIN "S-1-5-21-46980692-804024455-1465754741"

/* Where things stand in it. */
#define RESOURCE_DOMAIN  224
#define RESOURCE_COUNT   228
#define RESOURCE_GROUPS  232
#define FIRST_ATTRIBUTES 328

/* HOSTA$, relative identifier 1103, in groups 515, 1105 and 1106. */
static const char logon_info_hex[] =
    "01100800ccccccccb00100000000000000000200dc9b7dcfbc7bdd01ffffffff"
    "ffffff7fffffffffffffff7faa6b97ccbc7bdd01aa2b01f7857cdd01ffffffff"
    "ffffff7f0c000c00040002000000000008000200000000000c00020000000000"
    "1000020000000000140002000000000018000200010000004f04000003020000"
    "030000001c000200200000000000000000000000000000000000000004000600"
    "200002000e001000240002002800020000000000000000008000000000000000"
    "000000000000000000000000000000000000000000000000010000002c000200"
    "00000000000000000000000006000000000000000600000068006f0073007400"
    "6100240000000000000000000000000000000000000000000000000000000000"
    "0000000000000000000000000000000000000000000000000000000000000000"
    "0300000003020000070000005104000007000000520400000700000003000000"
    "0000000002000000440043000800000000000000070000004500580041004d00"
    "50004c00450000000400000001040000000000051500000054decc028770ec2f"
    "75a45d5701000000300002000700000001000000010100000000001201000000";

static struct bytes logon_info(uint8_t octets[1024])
{
	size_t len = strlen(logon_info_hex) / 2;

	for (size_t i = 0; i < len; i++) {
		char pair[3] = {logon_info_hex[2 * i], logon_info_hex[2 * i + 1], '\0'};

		octets[i] = (uint8_t)strtoul(pair, NULL, 16);
	}
	return bytes_of(octets, len);
}

static enum err find(struct bytes info, const char *text)
{
	struct sid wanted[2];

	assert_int_equal(sid_parse("S-1-5-32-544", &wanted[0]), ERR_OK);
	assert_int_equal(sid_parse(text, &wanted[1]), ERR_OK);
	return pac_find_member(info, wanted, 2);
}

static void members_are_found(void **state)
{
	uint8_t octets[1024];
	struct bytes info = logon_info(octets);

	(void)state;
	assert_int_equal(find(info, DOMAIN "-1103"), ERR_OK); /* itself */
	assert_int_equal(find(info, DOMAIN "-515"), ERR_OK);  /* its primary group */
	assert_int_equal(find(info, DOMAIN "-1105"), ERR_OK);
	assert_int_equal(find(info, DOMAIN "-1106"), ERR_OK);
	assert_int_equal(find(info, "S-1-18-1"), ERR_OK); /* an extra one */
}

static void others_are_not(void **state)
{
	uint8_t octets[1024];
	struct bytes info = logon_info(octets);

	(void)state;
	assert_int_equal(find(info, DOMAIN "-512"), ERR_NOT_FOUND);
	assert_int_equal(find(info, "S-1-5-21-46980692-804024455-1465754742-1105"), ERR_NOT_FOUND);
	assert_int_equal(find(info, DOMAIN), ERR_NOT_FOUND);
	assert_int_equal(pac_find_member(info, NULL, 0), ERR_NOT_FOUND);
}

static void memberships_that_are_off_do_not_count(void **state)
{
	uint8_t octets[1024];
	struct bytes info = logon_info(octets);

	(void)state;
	assert_int_equal(octets[FIRST_ATTRIBUTES + 8], 7);
	octets[FIRST_ATTRIBUTES + 8] = 3; /* not SE_GROUP_ENABLED */
	assert_int_equal(find(info, DOMAIN "-1105"), ERR_NOT_FOUND);
	octets[FIRST_ATTRIBUTES + 8] = 0x17; /* for denials only */
	assert_int_equal(find(info, DOMAIN "-1105"), ERR_NOT_FOUND);
	assert_int_equal(find(info, DOMAIN "-1106"), ERR_OK);
}

/* Groups of the service's own domain, which stand apart. */
static void resource_groups_are_found(void **state)
{
	static const uint8_t more[] = {4, 0, 0, 0, 1, 4, 0, 0, 0, 0, 0, 5, 21, 0, 0, 0, 1, 0, 0, 0,
	    2, 0, 0, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0xb0, 4, 0, 0, 7, 0, 0, 0x20};
	uint8_t octets[1024];
	struct bytes info = logon_info(octets);

	(void)state;
	octets[RESOURCE_DOMAIN] = octets[RESOURCE_COUNT] = octets[RESOURCE_GROUPS] = 1;
	assert_int_equal(find(info, "S-1-5-21-1-2-3-1200"), ERR_INVALID);
	memcpy(&octets[info.len], more, sizeof(more));
	info.len += sizeof(more);
	assert_int_equal(find(info, "S-1-5-21-1-2-3-1200"), ERR_OK);
	assert_int_equal(find(info, DOMAIN "-1200"), ERR_NOT_FOUND);
}

static void cut_and_broken_ones_are_refused(void **state)
{
	uint8_t octets[1024];
	struct bytes info = logon_info(octets);

	(void)state;
	for (size_t len = 0; len < info.len; len++) {
		/* Exactly as long, so that reading past the end is noticed. */
		uint8_t *copy = malloc(len > 0 ? len : 1);

		assert_non_null(copy);
		memcpy(copy, octets, len);
		assert_int_equal(find(bytes_of(copy, len), DOMAIN "-1103"), ERR_INVALID);
		free(copy);
	}
	for (size_t i = 0; i < info.len; i++) {
		enum err error;

		octets[i] ^= 0xff;
		error = find(info, DOMAIN "-1103");
		assert_true(error == ERR_OK || error == ERR_INVALID || error == ERR_NOT_FOUND);
		octets[i] ^= 0xff;
	}
	octets[1] = 0; /* big-endian */
	assert_int_equal(find(info, DOMAIN "-1103"), ERR_INVALID);
}

/* Who was given a ticket when, and by whom its PAC is signed. */
struct issue {
	const char *client; /* in the PAC */
	krb5_timestamp authtime;
	const krb5_keyblock *key;
	bool no_pac;
	bool no_groups;
	bool spoiled; /* after it was signed */
};

#define CLIENT   "HOSTA$@EXAMPLE.TEST"
#define SERVER   "host/hostb.example.test@EXAMPLE.TEST"
#define AUTHTIME 1700000000

struct service {
	krb5_context context;
	krb5_principal client, server;
	krb5_keyblock old_key, key, other_key;
	struct kerberos_worker worker; /* with a keytab that has two versions of the key */
};

static void add_key(struct service *service, krb5_keyblock *key, krb5_kvno version)
{
	krb5_keytab_entry entry = {.principal = service->server, .vno = version};

	assert_int_equal(
	    krb5_c_make_random_key(service->context, ENCTYPE_AES256_CTS_HMAC_SHA1_96, key), 0);
	entry.key = *key;
	if (version > 0)
		assert_int_equal(
		    krb5_kt_add_entry(service->context, service->worker.keytab, &entry), 0);
}

static int start_service(void **state)
{
	struct service *service = calloc(1, sizeof(*service));

	assert_non_null(service);
	assert_int_equal(setenv("KRB5_CONFIG", "/dev/null", 1), 0);
	assert_int_equal(krb5_init_context(&service->context), 0);
	assert_int_equal(krb5_parse_name(service->context, CLIENT, &service->client), 0);
	assert_int_equal(krb5_parse_name(service->context, SERVER, &service->server), 0);
	assert_int_equal(
	    krb5_kt_resolve(service->context, "MEMORY:pac", &service->worker.keytab), 0);
	service->worker.context = service->context;
	add_key(service, &service->old_key, 1);
	add_key(service, &service->key, 2);
	add_key(service, &service->other_key, 0);
	*state = service;
	return 0;
}

static int stop_service(void **state)
{
	struct service *service = *state;

	krb5_free_keyblock_contents(service->context, &service->old_key);
	krb5_free_keyblock_contents(service->context, &service->key);
	krb5_free_keyblock_contents(service->context, &service->other_key);
	(void)krb5_kt_close(service->context, service->worker.keytab);
	krb5_free_principal(service->context, service->client);
	krb5_free_principal(service->context, service->server);
	krb5_free_context(service->context);
	free(service);
	return 0;
}

/* Where the groups' octets stand in a PAC; what comes before is its table of contents. */
static uint8_t *groups_in(const krb5_data *pac, struct bytes info)
{
	for (size_t i = 0; i + info.len <= pac->length; i++) {
		if (memcmp(pac->data + i, info.data, info.len) == 0)
			return (uint8_t *)pac->data + i;
	}
	return NULL;
}

/* As the KDC makes it (RFC 4120 5.2.6.1: if relevant). */
static krb5_authdata **authdata_of(struct service *service, const struct issue *issue)
{
	krb5_context context = service->context;
	krb5_data checksums = {0};
	uint8_t octets[1024];
	struct bytes info = logon_info(octets);
	krb5_data logon = {.data = (char *)octets, .length = (unsigned)info.len};
	krb5_authdata element = {.ad_type = KRB5_AUTHDATA_WIN2K_PAC};
	krb5_authdata *list[] = {&element, NULL};
	krb5_authdata **container;
	krb5_principal client;
	krb5_pac pac;

	assert_int_equal(krb5_pac_init(context, &pac), 0);
	if (!issue->no_groups)
		assert_int_equal(krb5_pac_add_buffer(context, pac, KRB5_PAC_LOGON_INFO, &logon), 0);
	assert_int_equal(krb5_parse_name(context, issue->client, &client), 0);
	assert_int_equal(krb5_pac_sign(context, pac, issue->authtime, client, issue->key,
			     &service->other_key, &checksums),
	    0);
	if (issue->spoiled)
		groups_in(&checksums, info)[info.len - 1] ^= 1;
	element.contents = (krb5_octet *)checksums.data;
	element.length = checksums.length;
	assert_int_equal(
	    krb5_encode_authdata_container(context, KRB5_AUTHDATA_IF_RELEVANT, list, &container),
	    0);
	krb5_free_data_contents(context, &checksums);
	krb5_free_principal(context, client);
	krb5_pac_free(context, pac);
	return container;
}

static enum kerberos_membership membership(
    struct service *service, const struct issue *issue, const char *group)
{
	krb5_enc_tkt_part part = {.client = service->client, .times = {.authtime = AUTHTIME}};
	krb5_ticket ticket = {.server = service->server,
	    .enc_part = {.enctype = ENCTYPE_AES256_CTS_HMAC_SHA1_96},
	    .enc_part2 = &part};
	struct sid sid;
	const struct kerberos_request request = {.groups = &sid, .group_count = 1};
	enum kerberos_membership found;

	assert_int_equal(sid_parse(group, &sid), ERR_OK);
	if (!issue->no_pac)
		part.authorization_data = authdata_of(service, issue);
	found = worker_membership(&service->worker, &ticket, false, &request);
	krb5_free_authdata(service->context, part.authorization_data);
	return found;
}

static void signed_groups_count(void **state)
{
	struct service *service = *state;
	struct issue issue = {CLIENT, AUTHTIME, &service->key, false, false, false};

	assert_int_equal(membership(service, &issue, DOMAIN "-1105"), KERBEROS_MEMBERSHIP_MEMBER);
	assert_int_equal(membership(service, &issue, DOMAIN "-1107"), KERBEROS_MEMBERSHIP_NONE);
	issue.key = &service->old_key;
	assert_int_equal(membership(service, &issue, DOMAIN "-1105"), KERBEROS_MEMBERSHIP_MEMBER);
}

static void other_signatures_do_not(void **state)
{
	struct service *service = *state;
	const struct issue issues[] = {
	    {CLIENT, AUTHTIME, &service->other_key, false, false, false},
	    {CLIENT, AUTHTIME, &service->key, false, false, true},
	    {"HOSTC$@EXAMPLE.TEST", AUTHTIME, &service->key, false, false, false},
	    {CLIENT, AUTHTIME + 1, &service->key, false, false, false},
	};

	for (size_t i = 0; i < sizeof(issues) / sizeof(issues[0]); i++)
		assert_int_equal(
		    membership(service, &issues[i], DOMAIN "-1105"), KERBEROS_MEMBERSHIP_FORGED);
}

static void no_groups_are_no_membership(void **state)
{
	struct service *service = *state;
	struct issue issue = {CLIENT, AUTHTIME, &service->key, true, false, false};

	assert_int_equal(membership(service, &issue, DOMAIN "-1105"), KERBEROS_MEMBERSHIP_UNKNOWN);
	issue.no_pac = false;
	issue.no_groups = true;
	assert_int_equal(membership(service, &issue, DOMAIN "-1105"), KERBEROS_MEMBERSHIP_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(members_are_found),
	    cmocka_unit_test(others_are_not),
	    cmocka_unit_test(memberships_that_are_off_do_not_count),
	    cmocka_unit_test(resource_groups_are_found),
	    cmocka_unit_test(cut_and_broken_ones_are_refused),
	    cmocka_unit_test_setup_teardown(signed_groups_count, start_service, stop_service),
	    cmocka_unit_test_setup_teardown(other_signatures_do_not, start_service, stop_service),
	    cmocka_unit_test_setup_teardown(
		no_groups_are_no_membership, start_service, stop_service),
	};

	return cmocka_run_group_tests_name("groups in a PAC", tests, NULL, NULL);
}
