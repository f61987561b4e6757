-- Readers, for wrk: each connection asks for one of the addresses in a file, reads the answer, and waits 0.4 to 1.4 s.

local paths = {}
local headers = { ["Accept-Encoding"] = "gzip" }

function init(arguments)
  for line in io.lines(arguments[1]) do
    paths[#paths + 1] = line
  end
end

function delay()
  return math.random(400, 1400)
end

function request()
  return wrk.format("GET", paths[math.random(#paths)], headers)
end

function done(summary, latency, _)
  local errors = summary.errors
  local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
  io.write(string.format(
    '{"requests": %d, "duration_us": %d, "bytes": %d, "failed": %d, "p50_us": %d, "p99_us": %d, "most_us": %d}\n',
    summary.requests, summary.duration, summary.bytes, failed,
    latency:percentile(50), latency:percentile(99), latency.max
  ))
end
