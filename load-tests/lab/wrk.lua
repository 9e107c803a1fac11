-- Asks what the plan says, one after the other; a POST has a new Idempotency-Key each time.
local plan = dofile(os.getenv('WRK_PLAN'))
local prefix = os.getenv('WRK_KEYS') or ''
local asked = 0

local function headers(n)
  local all = {}
  if #plan.tokens > 0 then all['Authorization'] = 'Bearer ' .. plan.tokens[n % #plan.tokens + 1] end
  if plan.method == 'POST' then
    all['Content-Type'] = 'application/json'
    all['Idempotency-Key'] = prefix .. '-' .. n
  end
  return all
end

local prepared = {}

-- Not earlier: only now does wrk know the host.
function init()
  if plan.method ~= 'GET' then return end
  for n, path in ipairs(plan.paths) do prepared[n] = wrk.format('GET', path, headers(n)) end
end

function request()
  asked = asked + 1
  if plan.method == 'GET' then return prepared[asked % #prepared + 1] end
  return wrk.format('POST', plan.paths[1], headers(asked), plan.bodies[asked % #plan.bodies + 1])
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format('\nresult {"requests":%d,"micros":%d,"failed":%d,"p50Micros":%d,"p99Micros":%d}\n', summary.requests, summary.duration,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout, latency:percentile(50), latency:percentile(99)))
end
