-- Keeps copies of one caller, within bounds. KEYS: the index of the caller's copies, then a hash for each copy.
-- ARGV: the time, for how many seconds copies are kept, how many copies and how many fields of each at most; then for
-- each hash how many fields follow, and these with their values.
local now, keep, most, fields = ARGV[1], ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local at = 5
for place = 2, #KEYS do
  local count = tonumber(ARGV[at])
  if redis.call('HLEN', KEYS[place]) + count > fields then
    redis.call('UNLINK', KEYS[place])
  end
  for pair = 1, count do
    redis.call('HSET', KEYS[place], ARGV[at + pair * 2 - 1], ARGV[at + pair * 2])
  end
  at = at + 1 + count * 2
  redis.call('EXPIRE', KEYS[place], keep)
  redis.call('ZADD', KEYS[1], now, KEYS[place])
end
redis.call('EXPIRE', KEYS[1], keep)
local over = redis.call('ZCARD', KEYS[1]) - most
if over > 0 then
  local oldest = redis.call('ZPOPMIN', KEYS[1], over)
  for place = 1, #oldest, 2 do
    redis.call('UNLINK', oldest[place])
  end
end
