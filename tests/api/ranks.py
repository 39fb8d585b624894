"""Do two samples come from one distribution? The Mann-Whitney U test, by ranks: no assumption about the shape."""
import math


def mann_whitney_p(a, b):
    """Two-sided p by the normal approximation, corrected for ties and continuity: good from about 20 values each."""
    values = sorted([(value, 0) for value in a] + [(value, 1) for value in b])
    n, m, total = len(a), len(b), len(values)
    rank_sum, ties, start = 0.0, 0, 0
    while start < total:
        end = start
        while end < total and values[end][0] == values[start][0]:
            end += 1
        rank = (start + end + 1) / 2
        rank_sum += rank * sum(1 for _, sample in values[start:end] if sample == 0)
        ties += (end - start) ** 3 - (end - start)
        start = end
    u = rank_sum - n * (n + 1) / 2
    variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)))
    if variance <= 0:
        return 1.0
    z = max(0.0, abs(u - n * m / 2) - 0.5) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))
