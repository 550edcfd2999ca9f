#!/usr/bin/env bash
# Walks one customer through a running sandbox ledger over HTTP, from checkout to refund, then
# replays the account's events and reads every projection of it. Any unexpected answer ends it.
#
#   DAYBOOK_URL=http://127.0.0.1:8420 DAYBOOK_KEY=dbk_… DAYBOOK=./target/debug/daybook docs/walk.sh
#
# DAYBOOK_KEY is a key of role super_admin. DAYBOOK is the daybook binary, on the same database;
# without it the two steps that need the command line are left out.
set -euo pipefail

: "${DAYBOOK_URL:?the address of a running ledger, such as http://127.0.0.1:8420}"
: "${DAYBOOK_KEY:?a key of role super_admin: daybook key create --role super_admin}"
DAYBOOK=${DAYBOOK:-}
URL=${DAYBOOK_URL%/}

for tool in curl jq; do
  command -v "$tool" >/dev/null || { echo "walk.sh needs $tool" >&2; exit 2; }
done

answer=$(mktemp)
trap 'rm -f "$answer"' EXIT
account=

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'walk.sh: %s\n' "$*" >&2; exit 1; }

# request METHOD PATH EXPECTED_STATUS [BODY]: leaves the answer's body in $answer.
request() {
  local method=$1 path=$2 expected=$3 body=${4:-} status
  local -a arguments=(-sS -o "$answer" -w '%{http_code}' -X "$method"
    -H "Authorization: Bearer $DAYBOOK_KEY" -H 'Accept: application/json')
  if [ -n "$account" ]; then arguments+=(-H "Daybook-Account: $account"); fi
  if [ -n "$body" ]; then arguments+=(-H 'Content-Type: application/json' --data "$body"); fi
  status=$(curl "${arguments[@]}" "$URL$path") || fail "$method $path: no answer"
  if [ "$status" != "$expected" ]; then
    fail "$method $path answered $status, not $expected: $(cat "$answer")"
  fi
  printf '   %s %s → %s\n' "$method" "$path" "$status"
}

# show FILTER: prints a part of the last answer.
show() { jq -r "$1" "$answer" | sed 's/^/   /'; }

# field FILTER: one field of the last answer, which must be there.
field() { jq -er "$1" "$answer" || fail "the answer has no $1: $(cat "$answer")"; }

# expect FILTER VALUE: a field of the last answer has this value.
expect() {
  local found
  found=$(field "$1")
  [ "$found" = "$2" ] || fail "$1 is $found, not $2: $(cat "$answer")"
}

# pay: pays the sandbox checkout of the last answer and confirms it.
pay() {
  local order
  order=$(field "$1")
  request POST "/sandbox/checkout/$order/pay" 200
  request POST /api/billing/checkout/confirm 200 "$(cat "$answer")"
  expect .status paid
  show '"paid \(.payment.amount) \(.payment.currency), as payment \(.payment.id)"'
}

say 'The ledger is ready'
request GET /readyz 200
show '"position \(.position), projections \(.projections.lag) behind, append-only by \(.append_only)"'

say 'The plans on offer'
request GET /api/plans 200
show '.[] | "\(.slug): \(.price // "custom") \(.currency // "")"'

say 'A new account'
request POST /api/accounts 201 "$(jq -n --arg id "walk-$(date +%s)-$$" '{
  external_id: $id, currency: "USD", time_zone: "Europe/London",
  billing: { name: "Ada Lovelace", email: "ada@engines.example", city: "London", country: "GB" } }')"
account=$(field .account_id)
show '"account \(.account_id)"'

say 'Checkout: pro, monthly'
request POST /api/billing/checkout 200 '{"planId":"pro","billingCycle":"monthly"}'
expect .amount 15.00
show '"order № \(.order.number): \(.amount) \(.currency), to be paid at \(.checkoutUrl)"'

say 'Pay in the sandbox, confirm'
pay .orderId
expect .subscription.status active
show '"invoice \(.invoice.number): \(.invoice.total) \(.invoice.currency)"'

say 'The subscription'
request GET /api/billing/subscription/me 200
expect .status active
expect .plan.slug pro
subscription=$(field .id)
show '"\(.plan.name), \(.billingCycle), \(.amount) \(.currency), until \(.currentPeriodEnd)"'

say 'What a change to business would cost'
request POST /api/billing/plan-change/preview 200 '{"planId":"business"}'
expect .preview true
show '"credit \(.credit), charge \(.charge), due \(.amountDue) \(.currency)"'

say 'Change to business'
request POST /api/billing/plan-change 200 '{"planId":"business"}'
expect .to.slug business
show '"credit \(.credit), charge \(.charge), credit applied \(.creditApplied), due \(.amountDue) \(.currency)"'
pay .checkout.orderId

say 'Cancel at the end of the period'
request POST /api/billing/cancel 200 '{"reason":"closing down the server"}'
expect .status cancelling
show '"ends at \(.effectiveAt)"'

say 'Take the cancellation back'
request POST /api/billing/resume 200
expect .status active

say 'Refund by the policy'
request POST /api/refunds 201 '{"reason":"customer_request"}'
show '.refunds[] | "refund \(.amount.amount) \(.amount.currency) of payment \(.payment_id): \(.status), \(.eligibility.type), day \(.eligibility.days_since_period_start)"'
show '.credit_notes[] | "credit note \(.number): \(.total.amount) \(.total.currency), to refund \(.to_refund.amount)"'
refund=$(field '.refunds[0].refund_id')
expect '.refunds | all(.status == "processed")' true

say 'Every projection of the account'
request GET "/api/accounts/$account" 200
expect .account_id "$account"
show '"account: credit \(.credit.amount) \(.credit.currency), tier \(.plan_type // "none")"'
request GET "/api/accounts/$account/subscriptions" 200
expect '.data[0].status' ended
expect '.data[0].end_reason' refunded
expect '.data[0].subscription_id' "$subscription"
show '.data[] | "subscription \(.subscription_id): \(.plan.slug), \(.status), \(.end_reason)"'
request GET "/api/accounts/$account/orders" 200
expect '.data | length' 2
show '.data[] | "order № \(.number): \(.amount.amount) \(.amount.currency), \(.status)"'
request GET "/api/accounts/$account/invoices" 200
expect '.data | length' 2
show '.data[] | "invoice \(.number): total \(.total.amount), credited \(.credited.amount), due \(.due.amount), \(.status)"'
request GET "/api/accounts/$account/payments" 200
expect '.data | length' 2
show '.data[] | "payment \(.payment_id): \(.amount.amount), refunded \(.refunded.amount), \(.status)"'
request GET "/api/accounts/$account/refunds" 200
expect '.data | all(.status == "processed")' true
show '.data[] | "refund \(.refund_id): \(.amount.amount), \(.status)"'
request GET "/api/refunds/$refund" 200
expect .refund_id "$refund"
request GET /api/plans/business 200
expect .slug business
show '"plan № \(.id): \(.name), revision \(.revision)"'
request GET "/api/billing/payments/export" 200
sed 's/^/   /' "$answer"

if [ -n "$DAYBOOK" ]; then
  say 'The keys'
  "$DAYBOOK" key list | sed 's/^/   /'

  say "The account's events, replayed"
  "$DAYBOOK" replay --account "$account" --output json >"$answer"
  jq -r '"\(.position)\t\(.version)\t\(.type)\t\(.number // "")"' "$answer" | sed 's/^/   /'
  jq -se 'last.type == "refund.processed"' "$answer" >/dev/null || fail 'the refund is not the last event'
fi

say 'Done: every answer was as expected'
