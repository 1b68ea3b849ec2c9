/* SA, Proposal and Transform payloads: RFC 2408 3.4 to 3.6, RFC 2407 4.6.1. */
#include "wire/isakmp.h"

#define ISAKMP_SPI_MAX      16  /* RFC 2408 3.5, for PROTO_ISAKMP */
#define IPSEC_SPI_SIZE      4   /* RFC 4303 2.1 */
#define IPSEC_SPI_RESERVED  255 /* and below */
#define COUNT_OF_TRANSFORMS 7   /* offset in a Proposal payload */

static enum err transform_decode(struct bytes body, struct isakmp_transform *out)
{
	struct reader r = reader_of(body);

	out->number = reader_u8(&r);
	out->id = reader_u8(&r);
	(void)reader_u16(&r); /* RESERVED2, which RFC 2408 5.6 does not ask to check */
	out->attributes = reader_rest(&r);
	return reader_ok(&r) ? ERR_OK : ERR_TRUNCATED;
}

/* A chain of payloads of one type that fills the input. */
static enum err uniform_chain_decode(uint8_t type, struct bytes input, struct isakmp_chain *out)
{
	enum err err = isakmp_chain_decode(type, input, out);

	if (err != ERR_OK)
		return err;
	if (out->trailing.len > 0 || isakmp_chain_count(out, type) != out->count)
		return ERR_INVALID;
	return ERR_OK;
}

static enum err proposal_decode(
    struct bytes body, struct isakmp_sa *sa, struct isakmp_proposal *out)
{
	struct reader r = reader_of(body);
	struct isakmp_chain chain;
	uint8_t spi_size, transform_count;
	size_t first = sa->transform_count;
	enum err err;

	out->number = reader_u8(&r);
	out->protocol = reader_u8(&r);
	spi_size = reader_u8(&r);
	transform_count = reader_u8(&r);
	out->spi = reader_take(&r, spi_size);
	if (!reader_ok(&r))
		return ERR_TRUNCATED;
	if (out->protocol == PROTO_ISAKMP && spi_size > ISAKMP_SPI_MAX)
		return ERR_INVALID;

	err = uniform_chain_decode(ISAKMP_TRANSFORM, reader_rest(&r), &chain);
	if (err != ERR_OK)
		return err;
	if (chain.count != transform_count)
		return ERR_INVALID;
	if (chain.count > ISAKMP_TRANSFORMS_MAX - first)
		return ERR_LIMIT;
	out->transforms = &sa->transforms[first];
	out->transform_count = chain.count;
	sa->transform_count += chain.count;
	for (size_t i = 0; i < chain.count; i++) {
		struct isakmp_transform *transform = &sa->transforms[first + i];

		err = transform_decode(chain.payloads[i].body, transform);
		if (err != ERR_OK)
			return err;
		/* RFC 2408 4.2: each number is greater than the one before. */
		if (i > 0 && transform->number <= sa->transforms[first + i - 1].number)
			return ERR_INVALID;
	}
	return ERR_OK;
}

enum err isakmp_sa_decode(struct bytes body, struct isakmp_sa *out)
{
	struct reader r = reader_of(body);
	struct isakmp_chain chain;
	enum err err;

	out->proposal_count = 0;
	out->transform_count = 0;
	out->doi = reader_u32(&r);
	out->situation = reader_u32(&r);
	if (!reader_ok(&r))
		return ERR_TRUNCATED;
	if (out->doi != IPSEC_DOI || out->situation != SIT_IDENTITY_ONLY)
		return ERR_UNSUPPORTED;

	err = uniform_chain_decode(ISAKMP_PROPOSAL, reader_rest(&r), &chain);
	if (err != ERR_OK)
		return err;
	for (size_t i = 0; i < chain.count; i++) {
		struct isakmp_proposal *proposal = &out->proposals[i];

		err = proposal_decode(chain.payloads[i].body, out, proposal);
		if (err != ERR_OK)
			return err;
		/* RFC 2408 4.2: equal numbers belong together, others increase. */
		if (i > 0 && proposal->number < out->proposals[i - 1].number)
			return ERR_INVALID;
	}
	out->proposal_count = chain.count;
	return ERR_OK;
}

struct isakmp_sa_writer isakmp_sa_begin(
    struct isakmp_writer *chain, uint32_t doi, uint32_t situation)
{
	struct isakmp_sa_writer sa = {.chain = chain};

	isakmp_open(chain, ISAKMP_SA);
	writer_u32(chain->out, doi);
	writer_u32(chain->out, situation);
	sa.proposals = isakmp_writer_at(chain->out, ISAKMP_UNANNOUNCED);
	return sa;
}

static void close_transform(struct isakmp_sa_writer *sa)
{
	if (sa->transform_count > 0)
		isakmp_close(&sa->transforms);
}

static void close_proposal(struct isakmp_sa_writer *sa)
{
	struct writer *out = sa->chain->out;

	if (!sa->in_proposal)
		return;
	close_transform(sa);
	if (sa->transform_count > UINT8_MAX)
		out->failed = true;
	writer_patch_u8(
	    out, sa->proposals.open + COUNT_OF_TRANSFORMS, (uint8_t)sa->transform_count);
	isakmp_close(&sa->proposals);
}

void isakmp_sa_proposal(
    struct isakmp_sa_writer *sa, uint8_t number, uint8_t protocol, struct bytes spi)
{
	struct writer *out = sa->chain->out;

	close_proposal(sa);
	if (spi.len > UINT8_MAX)
		out->failed = true;
	isakmp_open(&sa->proposals, ISAKMP_PROPOSAL);
	writer_u8(out, number);
	writer_u8(out, protocol);
	writer_u8(out, (uint8_t)spi.len);
	writer_u8(out, 0); /* the count of transforms, set when the proposal is closed */
	writer_put(out, spi);
	sa->transforms = isakmp_writer_at(out, ISAKMP_UNANNOUNCED);
	sa->transform_count = 0;
	sa->in_proposal = true;
}

void isakmp_sa_transform(struct isakmp_sa_writer *sa, uint8_t number, uint8_t id)
{
	close_transform(sa);
	isakmp_open(&sa->transforms, ISAKMP_TRANSFORM);
	writer_u8(sa->chain->out, number);
	writer_u8(sa->chain->out, id);
	writer_u16(sa->chain->out, 0);
	sa->transform_count++;
}

void isakmp_sa_end(struct isakmp_sa_writer *sa)
{
	close_proposal(sa);
	isakmp_close(sa->chain);
}

enum err isakmp_spi_decode(struct bytes spi, uint32_t *out)
{
	struct reader r = reader_of(spi);
	uint32_t value = reader_u32(&r);

	if (spi.len != IPSEC_SPI_SIZE || value <= IPSEC_SPI_RESERVED)
		return ERR_INVALID;
	*out = value;
	return ERR_OK;
}

void isakmp_spi_encode(uint32_t spi, uint8_t out[4])
{
	struct writer w = writer_of(out, IPSEC_SPI_SIZE);

	writer_u32(&w, spi);
}
