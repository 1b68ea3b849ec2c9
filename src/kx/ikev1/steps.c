/* Running an exchange's table. */
#include "kx/ikev1/steps.h"

void ikev1_steps_run(struct ikev1_steps *steps, void *exchange)
{
	while (steps->next->run != NULL) {
		enum ikev1_outcome outcome;

		steps->busy = true;
		outcome = steps->next->run(exchange);
		if (outcome == IKEV1_OVER)
			return;
		steps->next++;
		if (outcome == IKEV1_PENDING)
			return;
		steps->busy = false;
	}
}

void ikev1_steps_go_on(struct ikev1_steps *steps, void *exchange)
{
	steps->busy = false;
	ikev1_steps_run(steps, exchange);
}

unsigned ikev1_steps_awaited(const struct ikev1_steps *steps)
{
	return !steps->busy && steps->next->run == NULL ? steps->next->message : 0;
}

void ikev1_steps_received(struct ikev1_steps *steps, void *exchange)
{
	steps->next++;
	ikev1_steps_run(steps, exchange);
}
