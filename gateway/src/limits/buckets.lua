-- Token buckets. KEYS: the buckets. ARGV, for each: tokens a second, the most it holds.
-- Takes a token from each in turn, up to the first that has none. Answers four numbers for each of these: whether there
-- was a token, how many are left, and how many milliseconds until the next one and until full.
-- Time is Redis's own: gateways' clocks differ.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local answer = {}
for place, key in ipairs(KEYS) do
  local rate = tonumber(ARGV[place * 2 - 1]) / 1000
  local most = tonumber(ARGV[place * 2])
  local bucket = redis.call('HMGET', key, 'tokens', 'at')
  local tokens = tonumber(bucket[1]) or most
  local at = tonumber(bucket[2]) or now
  tokens = math.min(most, tokens + math.max(0, now - at) * rate)
  local allowed = 0
  if tokens >= 1 then
    tokens = tokens - 1
    allowed = 1
  end
  local until_full = math.ceil((most - tokens) / rate)
  redis.call('HSET', key, 'tokens', tostring(tokens), 'at', now)
  redis.call('PEXPIRE', key, until_full + 1000)
  local until_next = 0
  if tokens < 1 then
    until_next = math.ceil((1 - tokens) / rate)
  end
  for _, number in ipairs({ allowed, math.floor(tokens), until_next, until_full }) do
    table.insert(answer, number)
  end
  if allowed == 0 then
    break
  end
end
return answer
