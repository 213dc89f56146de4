-- Counts what several replicas use together, all counters of one subject in one step.
--
-- KEYS: the mark of this replica at this subject, then a key for each counter; all have the same hash tag.
-- ARGV: the replica, the number of its call, how long a lease lives (ms), then for each counter:
--   window SINCE SPAN SLOT MOST NEED WANT PARTS COUNT (SLOT AMOUNT)...
--   stock  SINCE USED HELD SEED END MOST NEED WANT PARTS
-- SINCE is the number of the call that has told the same first. It answers the time (ms), whether the mark was there, and for each counter: granted, used, held by others,
-- and the ms until there is room (-1: that is not known).

local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local replica, call, lease = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
-- No sum is larger: integers of the server end at 2^63. What leaves a window has to leave nothing behind, so
-- its sums are those that are exact here.
local largest, exact = 2 ^ 62, 2 ^ 53

-- The last call of this replica. Numbers of calls rise: what was told since then or before is counted.
local mark = redis.call('GET', KEYS[1])
mark = mark and tonumber(mark)
if mark and mark > call then
  return redis.error_reply('LATE a later call of this replica was counted, nobody waits for this one')
end
redis.call('SET', KEYS[1], ARGV[2], 'PX', 120000)
local function is_counted(since)
  return mark and mark >= since
end

local at = 3
local function word()
  at = at + 1
  return ARGV[at]
end
local function number()
  return tonumber(word())
end
local function whole(amount)
  return string.format('%.0f', amount)
end

-- What is needed or nothing, and more where there is plenty.
local function grant(free, need, want, parts)
  if need == 0 or free < need then
    return 0
  end
  return math.max(need, math.min(want, math.floor(free / parts)))
end

local function window(key)
  local since, span, slot_ms, most = number(), number(), number(), number()
  local need, want, parts, count = number(), number(), number(), number()
  local current = math.floor(now / slot_ms)
  local horizon = math.floor((now - span) / slot_ms)
  local state = redis.call('HMGET', key, 'oldest', 'sum')
  local oldest, sum = tonumber(state[1] or horizon), tonumber(state[2] or 0)
  -- Nothing of that counts any more; or another server's clock was far ahead.
  if math.abs(horizon - oldest) > 500 then
    redis.call('DEL', key)
    oldest, sum = horizon, 0
  end
  for slot = oldest, horizon - 1 do
    local gone = redis.call('HGET', key, whole(slot))
    if gone then
      redis.call('HDEL', key, whole(slot))
      sum = sum - tonumber(gone)
    end
  end
  -- A clock that has fallen back a little: nothing goes where it was cleared before.
  oldest = math.max(oldest, horizon)
  current = math.max(current, oldest)

  local function add(slot, amount)
    amount = math.min(amount, exact - sum)
    redis.call('HINCRBY', key, whole(slot), whole(amount))
    sum = sum + amount
  end
  -- The replica knows the slot by its own clock: what is not there was taken just before or after.
  local function give_back(slot, amount)
    for near = math.min(slot + 2, current), math.max(slot - 24, oldest), -1 do
      if amount <= 0 then
        return
      end
      local there = tonumber(redis.call('HGET', key, whole(near)) or 0)
      local back = math.min(there, amount)
      if back > 0 then
        redis.call('HINCRBY', key, whole(near), whole(-back))
        sum = sum - back
        amount = amount - back
      end
    end
  end
  for _ = 1, count do
    local slot, amount = number(), number()
    if slot >= horizon and not is_counted(since) then
      slot = math.max(slot, oldest)
      if amount > 0 then
        add(math.min(slot, current), amount)
      else
        give_back(slot, -amount)
      end
    end
  end

  local granted = grant(most - sum, need, want, parts)
  if granted > 0 then
    add(current, granted)
  end
  local wait = -1
  if granted == 0 and need > 0 and need <= most then
    local amounts = {}
    local all = redis.call('HGETALL', key)
    for i = 1, #all, 2 do
      amounts[all[i]] = tonumber(all[i + 1])
    end
    local excess = sum + need - most
    for slot = oldest, current do
      excess = excess - (amounts[whole(slot)] or 0)
      if excess <= 0 then
        wait = (slot + 1) * slot_ms + span - now
        break
      end
    end
  end
  if sum > 0 then
    redis.call('HSET', key, 'oldest', whole(oldest), 'sum', whole(sum))
    redis.call('PEXPIRE', key, 2 * span)
  else
    redis.call('DEL', key)
  end
  return { granted, sum, 0, wait }
end

local function stock(key)
  local since, used_now, held, seed, ends = number(), number(), number(), number(), number()
  local most, need, want, parts = number(), number(), number(), number()
  local used, others = nil, 0
  local all = redis.call('HGETALL', key)
  for i = 1, #all, 2 do
    if all[i] == 'used' then
      used = tonumber(all[i + 1])
    elseif all[i] ~= replica then
      local amount, expires = all[i + 1]:match('^(%d+) (%d+)$')
      if tonumber(expires) <= now then
        redis.call('HDEL', key, all[i])
      else
        others = others + tonumber(amount)
      end
    end
  end
  -- A server that knows nothing, or less, is told by everybody what they know.
  used = math.max(used or 0, seed)
  if not is_counted(since) then
    used = math.min(used + used_now, largest)
  end
  local granted = grant(most - used - others - held, need, want, parts)
  held = held + granted
  -- Whoever uses nothing leaves nothing behind, however long the period is.
  if used + held + others == 0 then
    redis.call('DEL', key)
    return { 0, 0, 0, -1 }
  end
  redis.call('HSET', key, 'used', whole(used))
  if held > 0 then
    redis.call('HSET', key, replica, whole(held) .. ' ' .. whole(now + lease))
  else
    redis.call('HDEL', key, replica)
  end
  if ends > 0 then
    redis.call('PEXPIREAT', key, whole(ends))
  else
    redis.call('PEXPIRE', key, 2 * lease)
  end
  return { granted, used, others, -1 }
end

local answer = { now, mark and 1 or 0 }
for i = 2, #KEYS do
  local counter
  if word() == 'window' then
    counter = window(KEYS[i])
  else
    counter = stock(KEYS[i])
  end
  for _, figure in ipairs(counter) do
    answer[#answer + 1] = figure
  end
end
return answer
