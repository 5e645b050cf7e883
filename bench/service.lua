-- Posts samples in turn and compares every answer with those that the releases must give. One connection for each
-- thread, so that an answer belongs to the last request.
local bodies, answers = {}, {}
local sent = 0
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

local function lines(path)
  local found = {}
  for line in io.lines(path) do table.insert(found, line) end
  return found
end

local function unhex(text)
  return (text:gsub("..", function(pair) return string.char(tonumber(pair, 16)) end))
end

function init(args)
  for i, line in ipairs(lines(args[1])) do bodies[i] = unhex(line) end
  for i = 2, #args do answers[i - 1] = lines(args[i]) end
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/octet-stream"
  counts = ""
  wrong, status_errors = 0, 0
  seen = {}
  for i = 1, #answers do seen[i] = 0 end
end

function request()
  sent = sent % #bodies + 1
  return wrk.format(nil, nil, nil, bodies[sent])
end

function response(status, headers, body)
  if status ~= 200 then
    status_errors = status_errors + 1
    return
  end
  local known = false
  for i = 1, #answers do
    if body:find(answers[i][sent], 1, true) then
      seen[i] = seen[i] + 1
      known = true
      break
    end
  end
  if not known then wrong = wrong + 1 end
  counts = table.concat(seen, " ")
end

function done(summary, latency, requests)
  local wrong_sum, status_sum, by_release = 0, 0, {}
  for _, thread in ipairs(threads) do
    wrong_sum = wrong_sum + thread:get("wrong")
    status_sum = status_sum + thread:get("status_errors")
    local place = 1
    for number in thread:get("counts"):gmatch("%d+") do
      by_release[place] = (by_release[place] or 0) + tonumber(number)
      place = place + 1
    end
  end
  local errors = summary.errors
  local dropped = errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format('JSON {"requests": %d, "per_second": %.1f, "p50_ms": %.3f, "p99_ms": %.3f, "dropped": %d, "status_errors": %d, "wrong": %d, "by_release": [%s]}\n',
    summary.requests, summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, dropped, status_sum, wrong_sum, table.concat(by_release, ", ")))
end
