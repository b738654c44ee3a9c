-- A token bucket. KEYS[1]: the bucket. ARGV: tokens a second, the most it holds.
-- Answers whether there was a token, how many are left, and how many milliseconds until the next one and until full.
-- Time is Redis's own: gateways' clocks differ.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local rate = tonumber(ARGV[1]) / 1000
local most = tonumber(ARGV[2])
local bucket = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(bucket[1]) or most
local at = tonumber(bucket[2]) or now
tokens = math.min(most, tokens + math.max(0, now - at) * rate)
local allowed = 0
if tokens >= 1 then
  tokens = tokens - 1
  allowed = 1
end
local until_full = math.ceil((most - tokens) / rate)
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', now)
redis.call('PEXPIRE', KEYS[1], until_full + 1000)
local until_next = 0
if tokens < 1 then
  until_next = math.ceil((1 - tokens) / rate)
end
return { allowed, math.floor(tokens), until_next, until_full }
