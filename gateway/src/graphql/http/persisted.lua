-- Keeps a document, or counts a use of one that is kept. KEYS are the document, the index of all of them by their uses, the
-- index by when a use was counted last, and what the sender added in the last hour. ARGV are the text (empty for a use),
-- for how many seconds, how many there may be, how many a sender may add, the time in milliseconds, and for how many of
-- those a document's uses count once.
local document, uses, times, sender = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local text, ttl, most, most_added = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local now, period = tonumber(ARGV[5]), tonumber(ARGV[6])

-- Of documents with equally many uses the one whose last use is longest ago goes first.
local function rank(count)
  redis.call('ZADD', uses, count + now / 1e13, document)
  redis.call('ZADD', times, now, document)
end

if redis.call('EXISTS', document) == 1 then
  if now - tonumber(redis.call('ZSCORE', times, document) or 0) >= period then
    rank(math.floor(tonumber(redis.call('ZSCORE', uses, document) or 0)) + 1)
    redis.call('EXPIRE', document, ttl)
  end
elseif text ~= '' then
  local added = redis.call('INCR', sender)
  if added == 1 then redis.call('EXPIRE', sender, 3600) end
  if added > most_added then return 0 end
  redis.call('SET', document, text, 'EX', ttl)
  rank(0)
end
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', times, '-inf', now - ttl * 1000, 'LIMIT', 0, 100)) do
  redis.call('ZREM', uses, gone)
  redis.call('ZREM', times, gone)
end
local over = redis.call('ZCARD', uses) - most
if over > 0 then
  local least = redis.call('ZPOPMIN', uses, over)
  for at = 1, #least, 2 do
    redis.call('DEL', least[at])
    redis.call('ZREM', times, least[at])
  end
end
redis.call('EXPIRE', uses, ttl)
redis.call('EXPIRE', times, ttl)
return 1
