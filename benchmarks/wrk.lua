-- One round of one workload.  Arguments: the status, the bytes of each body (-1: not looked into here), and a file with
-- one request a line: its path, and its headers, with tabs between.
--
-- Looking at each answer costs wrk a copy of it.  That is cheap beside small bodies and would halve the rate of large
-- ones, so those are judged by the sum of all bytes, which the caller knows exactly.

local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  local status, size = tonumber(args[1]), tonumber(args[2])
  local requests = {}
  for line in io.lines(args[3]) do
    local path, headers = line:match("^[^\t]+"), {}
    for name, value in line:gmatch("\t([^:]+): ([^\t]+)") do headers[name] = value end
    table.insert(requests, wrk.format("GET", path, headers))
  end
  math.randomseed(1)
  wrong = 0
  request = function() return requests[math.random(#requests)] end
  if size >= 0 then
    response = function(answered, _, body)
      if answered ~= status or #body ~= size then wrong = wrong + 1 end
    end
  end
end

function done(summary, latency, _)
  local wrong = 0
  for _, thread in ipairs(threads) do wrong = wrong + thread:get("wrong") end
  local e = summary.errors
  io.write(string.format(
    'RESULT {"requests": %d, "bytes": %d, "microseconds": %d, "p50": %d, "p99": %d, "wrong": %d, "errors": %d}\n',
    summary.requests, summary.bytes, summary.duration, latency:percentile(50), latency:percentile(99),
    wrong, e.connect + e.read + e.write + e.status + e.timeout))
end
