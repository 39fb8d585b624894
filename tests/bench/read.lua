-- wrk's part of the bench of reads: a connection waits before each request. Argument: the mean of that wait in ms.
function init(args)
    wait_ms = tonumber(args[1])
end

function delay()
    return math.random(1, 2 * wait_ms)
end
