noinst_LIBRARIES += libkx.a
libkx_a_SOURCES = \
	src/kx/authorise.c \
	src/kx/choice.c src/kx/choice.h \
	src/kx/commands.c \
	src/kx/connection.c \
	src/kx/engine.c src/kx/engine.h \
	src/kx/epoch.c \
	src/kx/failure.c \
	src/kx/kx-internal.h \
	src/kx/lapse.c \
	src/kx/liveness.c \
	src/kx/methods.c \
	src/kx/names.c \
	src/kx/negotiation.c \
	src/kx/probe.c \
	src/kx/view.c \
	src/kx/auth/auth.c src/kx/auth/auth.h \
	src/kx/auth/auth-internal.h \
	src/kx/auth/certificates.c src/kx/auth/certificates.h \
	src/kx/auth/encryption.c src/kx/auth/encryption.h \
	src/kx/auth/gss.c \
	src/kx/auth/hash.c \
	src/kx/auth/identity.c \
	src/kx/auth/methods.c \
	src/kx/auth/plain.c \
	src/kx/auth/psk.c \
	src/kx/auth/revised.c \
	src/kx/auth/signature.c \
	src/kx/ikev1/dpd.c src/kx/ikev1/dpd.h \
	src/kx/ikev1/echo.c \
	src/kx/ikev1/exchange.c \
	src/kx/ikev1/fragment.c src/kx/ikev1/fragment.h \
	src/kx/ikev1/gss.c \
	src/kx/ikev1/half-open.c \
	src/kx/ikev1/ikev1-internal.h \
	src/kx/ikev1/ikev1.h \
	src/kx/ikev1/informational.c src/kx/ikev1/informational.h \
	src/kx/ikev1/keys.c src/kx/ikev1/keys.h \
	src/kx/ikev1/message-ids.c \
	src/kx/ikev1/message.c \
	src/kx/ikev1/method.c \
	src/kx/ikev1/nat.c \
	src/kx/ikev1/new-group.c \
	src/kx/ikev1/peer.c \
	src/kx/ikev1/phase1-receive.c \
	src/kx/ikev1/phase1-steps.c \
	src/kx/ikev1/phase1.c src/kx/ikev1/phase1.h \
	src/kx/ikev1/phase2.h \
	src/kx/ikev1/proposal.c src/kx/ikev1/proposal.h \
	src/kx/ikev1/quick-commit.c \
	src/kx/ikev1/quick-initiator.c \
	src/kx/ikev1/quick-responder.c \
	src/kx/ikev1/quick-steps.c src/kx/ikev1/quick-steps.h \
	src/kx/ikev1/quick.c \
	src/kx/ikev1/sa.c src/kx/ikev1/sa.h \
	src/kx/ikev1/steps.c src/kx/ikev1/steps.h \
	src/kx/ikev1/vendor.c \
	src/kx/ikev1/view.c \
	src/kx/kink/acknowledge.c \
	src/kx/kink/answer.c \
	src/kx/kink/authorise.c \
	src/kx/kink/command.c src/kx/kink/command.h \
	src/kx/kink/create.c \
	src/kx/kink/create-reply.c \
	src/kx/kink/delete.c \
	src/kx/kink/dialect.c \
	src/kx/kink/gettgt.c \
	src/kx/kink/give-tgt.c \
	src/kx/kink/grant.c \
	src/kx/kink/handshake.c \
	src/kx/kink/keys.c \
	src/kx/kink/kink-internal.h \
	src/kx/kink/kink.h \
	src/kx/kink/message.c \
	src/kx/kink/method.c \
	src/kx/kink/nat.c \
	src/kx/kink/refuse.c \
	src/kx/kink/reply.c \
	src/kx/kink/respond.c \
	src/kx/kink/respond-create.c \
	src/kx/kink/response.c src/kx/kink/response.h \
	src/kx/kink/status.c \
	src/kx/kink/wish.c \
	src/kx/quick/keys.c src/kx/quick/keys.h \
	src/kx/quick/nat.c src/kx/quick/nat.h \
	src/kx/quick/offer.c \
	src/kx/quick/payloads.c \
	src/kx/quick/quick.h \
	src/kx/quick/request.c src/kx/quick/request.h
