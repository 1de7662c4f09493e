-- For wrk: posts an action of about 1 kB, each with a key, a name and a mailbox of its own.
-- Reports how many answers were not 202, so that a fast refusal is never counted as speed.
local letter = string.rep("I write to you about a man who is held in secret. ", 14)
local body = [[{"case":"a-test-case","channel":"email",]]
  .. [["supporter":{"name":"Supporter %s","email":"supporter-%s@mail.example","country":"PK"},]]
  .. [["letter":{"subject":"Please act","body":"]] .. letter .. [[","language":"en"}}]]
local threads = {}

function setup(thread)
  thread:set("id", #threads + 1)
  table.insert(threads, thread)
end

function init(args)
  count, others = 0, 0
  run = os.getenv("W4R_BENCH_RUN") or "0"
end

function request()
  count = count + 1
  local who = string.format("%s-%d-%d", run, id, count)
  return wrk.format("POST", "/api/v1/actions", {
    ["Content-Type"] = "application/json",
    ["Idempotency-Key"] = "bench-" .. who,
  }, string.format(body, who, who))
end

function response(status)
  if status ~= 202 then others = others + 1 end
end

function done(summary, latency)
  local refused = 0
  for _, thread in ipairs(threads) do refused = refused + thread:get("others") end
  io.write(string.format('\n{"requests": %d, "seconds": %.3f, "p50_ms": %.2f, "p99_ms": %.2f, "not_202": %d, "socket_errors": %d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, refused,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout))
end
