# Two commands: `make demo` and `make test`. Each installs what is missing.

# The cluster that the tests share: where tests/it/harness.rs puts it.
TEST_CLUSTER ?= make
TEST_DIR = $(or $(TMPDIR),/tmp)/daybook-tests-$(TEST_CLUSTER)
export DAYBOOK_TEST_CLUSTER = $(TEST_CLUSTER)

.PHONY: demo test check check-long check-documents fuzz-api bench stop-test-cluster

# A sandbox ledger with a year of history, served on 127.0.0.1:8420 until Ctrl-C.
demo:
	@scripts/setup run
	cargo build --release --locked
	./target/release/daybook demo

# Every test there is, on a Postgres of their own.
test: stop-test-cluster
	@scripts/setup test
	cargo nextest run --workspace --locked --no-fail-fast; status=$$?; \
	    $(MAKE) --no-print-directory stop-test-cluster; exit $$status

# What a change must pass besides the tests.
check:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items --locked
	@command -v cargo-deny >/dev/null && cargo deny check || echo 'cargo-deny is not installed: skipped'

# Five years of a thousand simulated customers: every law holds, however long it takes.
check-long: stop-test-cluster
	@scripts/setup test
	DAYBOOK_SIMULATED_ACCOUNTS=1000 cargo nextest run --locked --test it -E 'test(five_years)'; \
	    status=$$?; \
	    $(MAKE) --no-print-directory stop-test-cluster; exit $$status

# What is exported, opened in a real spreadsheet: nothing runs, and every sum is exact.
check-documents:
	@scripts/setup run
	@scripts/setup documents
	cargo build --release --locked
	python3 -B tests/spreadsheet/check.py target/release/daybook

# What is served, fuzzed from its own document as all six roles; some ten minutes.
fuzz-api: stop-test-cluster
	@scripts/setup test
	DAYBOOK_FUZZ_ROLES=all DAYBOOK_FUZZ_EXAMPLES=100 \
	    cargo nextest run --locked --test it -E 'test(no_request_makes)'; \
	    status=$$?; \
	    $(MAKE) --no-print-directory stop-test-cluster; exit $$status

# Appends and replay on this machine, beside bare Postgres, and documents beside another maker of
# PDFs; at most ten minutes.
bench:
	@scripts/setup run
	@scripts/setup bench
	cargo build --release --locked
	./target/release/daybook bench
	bench/pdfkit/run.sh

# The tests leave their cluster to each other; this takes it down and away.
stop-test-cluster:
	@if [ -f $(TEST_DIR)/postgres/postmaster.pid ]; then \
	    kill -INT "$$(head -n 1 $(TEST_DIR)/postgres/postmaster.pid)" 2>/dev/null || true; \
	    for _ in $$(seq 50); do [ -f $(TEST_DIR)/postgres/postmaster.pid ] || break; sleep 0.1; done; \
	fi
	@rm -rf $(TEST_DIR)
