-- wrk's part of the bench of refreshes: each request shows the token that the reply before it on this thread's chains gave.
-- Arguments: a file of refresh tokens, one a line; the number of threads; ms that a connection waits before each request.
local threads = 0

function setup(thread)
    thread:set("id", threads)
    threads = threads + 1
end

function init(args)
    tokens, first, last = {}, 1, 0
    wait_ms = tonumber(args[3])
    local n = 0
    for line in io.lines(args[1]) do
        if n % tonumber(args[2]) == id then
            last = last + 1
            tokens[last] = line
        end
        n = n + 1
    end
    math.randomseed(id + 1)
end

function delay()
    return wait_ms > 0 and math.random(1, 2 * wait_ms) or 0
end

function request()
    local token = tokens[first] or "none"
    tokens[first] = nil
    first = first + 1
    return wrk.format("POST", nil, { ["Content-Type"] = "application/json" }, '{"refreshToken":"' .. token .. '"}')
end

function response(status, headers, body)
    local token = body:match('"refreshToken":"([^"]+)"')
    if token then
        last = last + 1
        tokens[last] = token
    end
end
