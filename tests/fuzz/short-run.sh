#!/bin/sh
# A short run of each libFuzzer target from its corpus. FUZZ_SECONDS is how long each takes; what
# fails is kept beside the target.
status=0
found=$(mktemp -d) || exit 1
trap 'rm -rf "$found"' EXIT

for target in kink isakmp engine ikev1; do
	mkdir "$found/$target"
	"$top_builddir/tests/fuzz/fuzz-$target" -max_total_time="${FUZZ_SECONDS:-10}" -timeout=20 \
		-max_len=3000 -print_final_stats=1 \
		-artifact_prefix="$top_builddir/tests/fuzz/$target-" \
		"$found/$target" "$top_srcdir/tests/fuzz/corpus/$target" 2>&1 | tee "$found/log" |
		grep -E '^(==|SUMMARY|stat::number|.* does not hold)'
	grep -q '^stat::number_of_executed_units' "$found/log" || status=1
	grep -q '^SUMMARY' "$found/log" && status=1
done
exit $status
