/* The world's clock, its story and its verdict. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>

void *sim_alloc(size_t len)
{
	void *memory = calloc(1, len > 0 ? len : 1);

	if (memory == NULL)
		abort();
	return memory;
}

void sim_schedule(
    struct sim *sim, uint64_t delay_ms, sim_handler handler, struct sim_host *host, void *payload)
{
	struct sim_event event = {.due_ms = sim->now_ms + delay_ms,
	    .handler = handler,
	    .host = host,
	    .life = host != NULL ? host->life : 0,
	    .payload = payload};

	sim_queue_add(&sim->queue, &event);
}

static void step(struct sim *sim, struct sim_event *event)
{
	sim->now_ms = event->due_ms;
	sim->steps++;
	if (event->host == NULL || event->host->life == event->life)
		event->handler(sim, event->host, event->payload);
	free(event->payload);
	sim_check_step(sim);
}

bool sim_run_until_true(struct sim *sim, uint64_t time_ms, bool (*done)(struct sim *sim))
{
	struct sim_event event;

	while (!sim->failed && sim->queue.count > 0 && sim->queue.heap[0].due_ms <= time_ms) {
		if (done != NULL && done(sim))
			return true;
		(void)sim_queue_take(&sim->queue, &event);
		step(sim, &event);
	}
	if (sim->failed)
		return false;
	if (done != NULL && done(sim))
		return true;
	sim->now_ms = time_ms;
	return done != NULL && done(sim);
}

void sim_run_until(struct sim *sim, uint64_t time_ms)
{
	(void)sim_run_until_true(sim, time_ms, NULL);
}

void sim_fail(struct sim *sim, const char *format, ...)
{
	va_list arguments;

	if (sim->failed)
		return;
	sim->failed = true;
	va_start(arguments, format);
	(void)vsnprintf(sim->failure, sizeof(sim->failure), format, arguments);
	va_end(arguments);
	sim_note(sim, NULL, "FAILED: %s", sim->failure);
}

void sim_note(struct sim *sim, const struct sim_host *host, const char *format, ...)
{
	char text[SIM_TEXT_SIZE * 2];
	uint64_t hash[2];
	va_list arguments;
	int len;

	va_start(arguments, format);
	len = vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	if (len < 0)
		abort();
	sim_hash(&sim->now_ms, sizeof(sim->now_ms), text,
	    (size_t)len < sizeof(text) ? (size_t)len : sizeof(text) - 1, hash);
	sim->digest = (sim->digest ^ hash[0]) * 1099511628211ULL;
	if (sim->verbose)
		printf("%9llu.%03llu %-2s %s\n", (unsigned long long)sim->now_ms / 1000,
		    (unsigned long long)sim->now_ms % 1000,
		    host != NULL ? (const char[]){(char)('a' + host->index), '\0'} : "", text);
}
