/*
 * Exchanges as tables: what is to be done, in order, and where the peer's messages are waited for.
 */
#ifndef KX_IKEV1_STEPS_H
#define KX_IKEV1_STEPS_H

#include <stdbool.h>
#include <stddef.h>

/* What a step came to. */
enum ikev1_outcome {
	IKEV1_NEXT,    /* go on */
	IKEV1_PENDING, /* an answer of the host goes on with the next step */
	IKEV1_OVER     /* the exchange has ended, and its state may be gone */
};

struct ikev1_step {
	/* NULL: the peer's message of that number is awaited. */
	enum ikev1_outcome (*run)(void *exchange);
	unsigned message;
};

/* Rows of such a table. */
#define RECEIVE(number)                                                                            \
	{                                                                                          \
		NULL, (number)                                                                     \
	}
#define DO(step)                                                                                   \
	{                                                                                          \
		(step), 0                                                                          \
	}

struct ikev1_steps {
	const struct ikev1_step *next;
	bool busy; /* an answer of the host is awaited */
};

/* Runs steps until one has to wait. `exchange` is what they are given. */
void ikev1_steps_run(struct ikev1_steps *steps, void *exchange);
/* The answer that a step waited for is there. */
void ikev1_steps_go_on(struct ikev1_steps *steps, void *exchange);
/* The number of the message that is awaited; 0: none. */
unsigned ikev1_steps_awaited(const struct ikev1_steps *steps);
/* The awaited message is there. */
void ikev1_steps_received(struct ikev1_steps *steps, void *exchange);

#endif
