"""What Schemathesis would call a finding and is none: the one table, each line with its reason. All else fails the run. Of a 422 each single error must
be explained by a line."""
import json
from dataclasses import dataclass

REFUSED, TAKEN = "RejectedPositiveData", "AcceptedNegativeData"  # Schemathesis' classes of failures
PASSWORD = "what a password must be is a matter of configuration, of lists and of the account"


@dataclass(frozen=True)
class Exclusion:
    failure: str
    status: int         # of the reply
    reason: str
    detail: str = ""    # what the problem's detail holds
    code: str = ""      # of an error; "": any
    pointer: str = ""   # how an error's pointer begins
    message: str = ""   # how an error's message begins

    def explains(self, error):
        return ((not self.code or error["code"] == self.code) and error["pointer"].startswith(self.pointer)
                and error["message"].startswith(self.message))


EXCLUSIONS = (
    Exclusion(TAKEN, 412, "it was refused: for If-Match, before the body was looked at", detail="If-Match"),
    Exclusion(REFUSED, 412, "no schema knows which version stands", detail="If-Match"),
    Exclusion(REFUSED, 400, "U+0000 is refused in every string, which the schemas do not say", detail="U+0000"),
    Exclusion(REFUSED, 422, "a key is 1 to 255 visible characters, as its description says", detail="Idempotency-Key"),
    Exclusion(REFUSED, 400, "of two credentials there was one too many: one was made up", detail="one credential"),
    # What a string must be besides its length is told by the reply, not by patterns in the schemas.
    Exclusion(REFUSED, 422, "one line", code="format", message="must be one line"),
    Exclusion(REFUSED, 422, "no control characters", code="format", message="must not have control"),
    Exclusion(REFUSED, 422, "a known language tag", code="format", message="must be a language tag"),
    Exclusion(REFUSED, 422, "a known time zone", code="format", message="must be the name of a time zone"),
    Exclusion(REFUSED, 422, "hours in order", code="format", pointer="/conditions/hours"),
    Exclusion(REFUSED, 422, "a URI by the RFC's own grammar", code="format", message="must be a URI"),
    Exclusion(REFUSED, 422, "a cursor is what a page before gave", code="format", pointer="/cursor"),
    Exclusion(REFUSED, 422, "networks, by their own parser", code="format", pointer="/allowedIpRanges"),
    Exclusion(REFUSED, 422, "routes are those there are", pointer="/allowedRoutes"),
    Exclusion(REFUSED, 422, "what is free in form has bounds of its own", pointer="/communicationStyle"),
    Exclusion(REFUSED, 422, "what is free in form has bounds of its own", pointer="/technicalPreferences"),
    Exclusion(REFUSED, 422, "no markup in names", code="markup"),
    Exclusion(REFUSED, 422, "nothing hidden in names", code="hidden"),
    Exclusion(REFUSED, 422, "not only blanks", code="blank"),
    # What hangs on another member, on the account or on the time.
    Exclusion(REFUSED, 422, "token, or e-mail address and code", code="not_both"),
    Exclusion(REFUSED, 422, "what the whole needs cannot be patched away; and one of token and code is due", code="required"),
    Exclusion(REFUSED, 422, "content, or message as it was called before", code="unknown", pointer="/message"),
    Exclusion(REFUSED, 422, "a code is not to be guessed", code="invalid_code"),
    Exclusion(REFUSED, 422, "a token is not to be guessed", code="invalid_token"),
    Exclusion(REFUSED, 422, "the account's password is not to be guessed", code="wrong"),
    Exclusion(REFUSED, 422, PASSWORD, pointer="/password"),
    Exclusion(REFUSED, 422, PASSWORD, pointer="/newPassword"),
    Exclusion(REFUSED, 422, "a key may no more than its owner", code="not_yours"),
    Exclusion(REFUSED, 422, "a key ends within two years from now", code="out_of_range", pointer="/expiresAt"),
)


def is_excluded(failure, response):
    lines = [line for line in EXCLUSIONS if line.failure == type(failure).__name__ and line.status == response.status_code]
    if not lines:
        return False
    problem = json.loads(response.content)
    errors = problem.get("errors", [])
    if errors:
        return all(any(line.explains(error) for line in lines) for error in errors)
    return any(line.detail and line.detail in problem["detail"] for line in lines)
