/* Tests of the name tables: numbers as the RFCs list them, written again by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wire/names.h"

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(kink_type_name(1), "CREATE");
	assert_string_equal(kink_type_name(6), "STATUS");
	assert_string_equal(kink_payload_name(0), "KINK_DONE");
	assert_string_equal(kink_payload_name(7), "KINK_ENCRYPT");
	assert_string_equal(kink_error_name(1), "KINK_PROTOERR");
	assert_string_equal(kink_error_name(7), "KINK_U2UDENIED");
	assert_string_equal(isakmp_payload_name(1), "SA");
	assert_string_equal(isakmp_payload_name(13), "VID");
	assert_string_equal(isakmp_exchange_name(2), "identity protection");
	assert_string_equal(isakmp_exchange_name(32), "quick mode");
	assert_string_equal(notify_name(11), "INVALID-SPI");
	assert_string_equal(notify_name(14), "NO-PROPOSAL-CHOSEN");
	assert_string_equal(notify_name(16), "PAYLOAD-MALFORMED");
	assert_string_equal(notify_name(30), "UNEQUAL-PAYLOAD-LENGTHS");
	assert_string_equal(notify_name(16384), "CONNECTED");
	assert_string_equal(notify_name(24578), "INITIAL-CONTACT");
	assert_string_equal(isakmp_protocol_name(3), "PROTO_IPSEC_ESP");
	assert_string_equal(ipsec_attribute_name(5), "Authentication Algorithm");
	assert_string_equal(ipsec_life_type_name(2), "kilobytes");
	assert_string_equal(ipsec_encapsulation_name(2), "Transport");
	assert_string_equal(ipsec_authentication_name(2), "HMAC-SHA");
	assert_string_equal(ipsec_authentication_name(5), "HMAC-SHA2-256");
	assert_string_equal(isakmp_payload_name(129), "GSS");
	assert_string_equal(isakmp_payload_name(132), "FRAGMENT");
	assert_string_equal(ikev1_attribute_name(2), "Hash Algorithm");
	assert_string_equal(ikev1_attribute_name(16384), "GSS Identity Name");
	assert_string_equal(ikev1_encryption_name(7), "AES-CBC");
	assert_string_equal(ikev1_hash_name(2), "SHA");
	assert_string_equal(ikev1_hash_name(5), "SHA2-384");
	assert_string_equal(ikev1_method_name(1), "pre-shared key");
	assert_string_equal(ikev1_method_name(10), "ECDSA-384");
	assert_string_equal(isakmp_id_type_name(7), "ID_IPV4_ADDR_RANGE");
	assert_string_equal(isakmp_certificate_name(4), "X.509 Certificate - Signature");
}

/* One number, one meaning for each protocol. */
static void test_transforms(void **state)
{
	(void)state;
	assert_string_equal(isakmp_transform_name(1, 1), "KEY_IKE");
	assert_string_equal(isakmp_transform_name(2, 3), "AH_SHA");
	assert_string_equal(isakmp_transform_name(3, 3), "ESP_3DES");
	assert_string_equal(isakmp_transform_name(3, 12), "ESP_AES-CBC");
	assert_string_equal(isakmp_transform_name(3, 20), "ESP_AES-GCM_16");
	assert_string_equal(isakmp_transform_name(4, 3), "IPCOMP_LZS");
	assert_string_equal(isakmp_transform_name(5, 1), "unknown");
}

static void test_unknown(void **state)
{
	(void)state;
	assert_string_equal(kink_type_name(0), "unknown");
	assert_string_equal(kink_error_name(4), "unknown");
	/* Not the low 16 bits of a number that has a name. */
	assert_string_equal(kink_error_name(0x10001), "unknown");
	assert_string_equal(notify_name(31), "unknown");
	assert_string_equal(isakmp_transform_name(3, 17), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_transforms),
	    cmocka_unit_test(test_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
