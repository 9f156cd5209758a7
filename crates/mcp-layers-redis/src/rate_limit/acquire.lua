-- Takes all charges or none. Times are microseconds of this server's clock.
-- KEYS: one for each charge. ARGV: interval, burst and cost of each, in this order.
-- Each value is "when full, when written, interval, burst"; a key that is gone is a full budget.
-- Returns {0, 0} when all are taken, else {number of the charge that waits longest, microseconds}.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local longest, wait = 0, 0
local meters = {}

for i, key in ipairs(KEYS) do
  local interval = tonumber(ARGV[3 * i - 2])
  local burst = tonumber(ARGV[3 * i - 1])
  local tolerance = interval * burst
  local full, changed = now, false
  local value = redis.call('GET', key)
  if value then
    local at, written, old_interval, old_burst = value:match('^(%d+) (%d+) (%d+) (%d+)$')
    if at then
      full = tonumber(at)
      if tonumber(old_interval) ~= interval or tonumber(old_burst) ~= burst then
        -- As many are spent as were when it was written; what came back since, came at this rate.
        written = tonumber(written)
        local spent = math.ceil((full - written) * interval / tonumber(old_interval))
        full = written + math.min(spent, tolerance)
        changed = true
      end
    end
  end
  -- The clock may have been set back.
  full = math.min(math.max(full, now), now + tolerance)
  local cost = math.min(tonumber(ARGV[3 * i]) * interval, tolerance)
  local late = full + cost - (now + tolerance)
  if late > wait then
    longest, wait = i, late
  end
  meters[i] = {full = full, cost = cost, changed = changed, interval = interval, burst = burst}
end

for i, key in ipairs(KEYS) do
  local meter = meters[i]
  local full = meter.full
  if longest == 0 then
    full = full + meter.cost
  end
  if longest == 0 or meter.changed then
    local value = string.format('%.0f %.0f %.0f %.0f', full, now, meter.interval, meter.burst)
    redis.call('SET', key, value, 'PX', string.format('%.0f', math.ceil((full - now) / 1000) + 1))
  end
end

if longest == 0 then
  return {0, 0}
end
return {longest, string.format('%.0f', wait)}
