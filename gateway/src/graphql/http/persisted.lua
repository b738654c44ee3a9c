-- Keeps a document: KEYS are it, the index of all of them, and what its sender added in the last hour; ARGV are the text,
-- for how many seconds, how many there may be, how many a sender may add, and the time in milliseconds.
local text, ttl, most, most_added, now = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
if redis.call('EXISTS', KEYS[1]) == 0 then
  local added = redis.call('INCR', KEYS[3])
  if added == 1 then redis.call('EXPIRE', KEYS[3], 3600) end
  if added > most_added then return 0 end
end
redis.call('SET', KEYS[1], text, 'EX', ttl)
redis.call('ZADD', KEYS[2], now, KEYS[1])
redis.call('EXPIRE', KEYS[2], ttl)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now - ttl * 1000)
local over = redis.call('ZCARD', KEYS[2]) - most
if over > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[2], over)
  for at = 1, #oldest, 2 do redis.call('DEL', oldest[at]) end
end
return 1
