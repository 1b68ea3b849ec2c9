/* What every data plane holds SAs to. */
#include "dataplane/sa_rules.h"

#include "crypto/algorithms.h"

/* DEFLATE's own CPI, which needs no negotiation (RFC 3173 3.3, RFC 2394 section 4). */
#define CPI_DEFLATE 2

uint32_t sa_rules_spi_of(enum ipsec_protocol protocol, uint32_t random)
{
	if (protocol == IPSEC_IPCOMP)
		return SPI_FIRST + random % (CPI_LAST - SPI_FIRST + 1);
	return random;
}

static enum err check_spi(const struct dataplane_sa *sa, struct problem *problem)
{
	if (sa->suite.protocol == IPSEC_IPCOMP) {
		if (sa->spi == CPI_DEFLATE || (sa->spi >= SPI_FIRST && sa->spi <= UINT16_MAX))
			return ERR_OK;
		return problem_set(problem, ERR_INVALID, "%u is no CPI for DEFLATE", sa->spi);
	}
	if (sa->spi < SPI_FIRST)
		return problem_set(problem, ERR_INVALID, "SPI %08x is reserved", sa->spi);
	return ERR_OK;
}

static enum err check_place(const struct dataplane_sa *sa, struct problem *problem)
{
	if (sa->bundle == 0 && sa->suite.protocol == IPSEC_IPCOMP)
		return problem_set(problem, ERR_INVALID,
		    "CPI %u: IPComp alone protects nothing; it needs ESP or AH around it", sa->spi);
	if (sa->bundle == 0)
		return ERR_OK;
	if (sa->bundle_size < 1 || sa->bundle_size > BUNDLE_MAX ||
	    sa->bundle_index >= sa->bundle_size)
		return problem_set(problem, ERR_INVALID, "SA %08x: number %u of a bundle of %u",
		    sa->spi, sa->bundle_index, sa->bundle_size);
	if (sa->bundle_index > 0 && sa->mode == IPSEC_TUNNEL)
		return problem_set(problem, ERR_INVALID,
		    "SA %08x: only the innermost of a bundle can be in tunnel mode", sa->spi);
	if (sa->suite.protocol == IPSEC_IPCOMP && sa->bundle_size == 1)
		return problem_set(
		    problem, ERR_INVALID, "CPI %u: IPComp alone protects nothing", sa->spi);
	return ERR_OK;
}

static enum err check_encapsulation(const struct dataplane_sa *sa, struct problem *problem)
{
	if (sa->encapsulation_source == 0 && sa->encapsulation_destination == 0)
		return ERR_OK;
	if (sa->encapsulation_source == 0 || sa->encapsulation_destination == 0)
		return problem_set(
		    problem, ERR_INVALID, "SA %08x: UDP encapsulation needs both ports", sa->spi);
	/* AH covers the addresses that a NAT changes (RFC 3715 2.1 a). */
	if (sa->suite.protocol != IPSEC_ESP ||
	    (sa->bundle != 0 && sa->bundle_index + 1 != sa->bundle_size))
		return problem_set(problem, ERR_INVALID,
		    "SA %08x: only ESP with nothing around it can be encapsulated in UDP", sa->spi);
	return ERR_OK;
}

enum err sa_rules_check(const struct dataplane_sa *sa, struct problem *problem)
{
	enum err code = check_spi(sa, problem);

	if (code == ERR_OK && !suite_is_valid(&sa->suite))
		code = problem_set(
		    problem, ERR_UNSUPPORTED, "SA %08x: there is no such suite", sa->spi);
	if (code == ERR_OK &&
	    (sa->key_len > SA_KEY_MAX || sa->key_len != suite_key_length(&sa->suite)))
		code = problem_set(problem, ERR_INVALID,
		    "SA %08x: %u octets of key where its suite takes %zu", sa->spi, sa->key_len,
		    suite_key_length(&sa->suite));
	if (code == ERR_OK)
		code = check_place(sa, problem);
	if (code == ERR_OK)
		code = check_encapsulation(sa, problem);
	return code;
}

static bool same_range(const struct address_range *a, const struct address_range *b)
{
	return address_equal(&a->first, &b->first) && address_equal(&a->last, &b->last);
}

static bool same_ports(const struct port_range *a, const struct port_range *b)
{
	return a->first == b->first && a->last == b->last;
}

static bool same_selector(const struct selector *a, const struct selector *b)
{
	return same_range(&a->local, &b->local) && same_range(&a->remote, &b->remote) &&
	       same_ports(&a->local_ports, &b->local_ports) &&
	       same_ports(&a->remote_ports, &b->remote_ports) && a->protocol == b->protocol;
}

/* From the inside out (RFC 3173 section 2, RFC 2401 4.5). */
static int rank(enum ipsec_protocol protocol)
{
	switch (protocol) {
	case IPSEC_IPCOMP:
		return 0;
	case IPSEC_ESP:
		return 1;
	case IPSEC_AH:
		break;
	}
	return 2;
}

enum err sa_rules_check_bundle(
    const struct dataplane_sa *a, const struct dataplane_sa *b, struct problem *problem)
{
	const char *reason = NULL;

	if (a->bundle_index == b->bundle_index)
		reason = "it has that place already";
	else if (a->bundle_size != b->bundle_size)
		reason = "they disagree on how many it has";
	else if ((a->bundle_index < b->bundle_index) !=
		     (rank(a->suite.protocol) < rank(b->suite.protocol)) ||
		 a->suite.protocol == b->suite.protocol)
		reason = "the order is IPComp, ESP, AH";
	else if (!address_equal(&a->source, &b->source) ||
		 !address_equal(&a->destination, &b->destination))
		reason = "they are between other addresses";
	else if (a->policy_id != b->policy_id || !same_selector(&a->selector, &b->selector))
		reason = "they are for other packets";
	if (reason == NULL)
		return ERR_OK;
	return problem_set(problem, ERR_INVALID, "SAs %08x and %08x cannot be one bundle: %s",
	    a->spi, b->spi, reason);
}
