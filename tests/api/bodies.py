"""Valid request bodies, one maker for each that the API takes."""
import json
from pathlib import Path

from environment import contract

SAMPLE = json.loads((Path(__file__).resolve().parents[2] / "sample" / "mara-lindqvist.json").read_text())


def profile(**changes):
    return {"name": "Ada Example", "description": "Keeps bees and writes letters.", **changes}


def full_profile(**changes):
    return {**SAMPLE["profile"], **changes}


def trait(**changes):
    return {"category": "temperament", "name": "Patience", "description": "Waits for the glue to set.", "weight": 7.5,
            "confidence": 0.9, "contextTags": ["work"], "exampleExpressions": ["It will be done when it is done."],
            "impactLevel": "high", "source": "her sister", "isActive": True, **changes}


def pattern(**changes):
    return {"name": "Short before coffee", "trigger": "time", "conditions": {"hours": "05-08", "days": ["mon", "tue"],
            "timezone": "Europe/Stockholm"}, "modifications": {"tone": "curt"}, "priority": 3, "isActive": True, **changes}


def memory(**changes):
    return {"kind": "fact", "text": "The shed has three doors.", "source": "told by herself",
            "occurredAt": "2019-05-04T10:00:00.000Z", "importance": 0.4, **changes}


def registration(**changes):
    return {"email": "somebody@example.org", "password": "plum-tower-quiet-anchor-9", "firstName": "Some", "lastName": "Body",
            **changes}


def valid(operation, ids):
    """A body that the operation's shape takes. ids: {"profileId": …, "conversationId": …}."""
    makers = {
        "POST /auth/register": registration,
        "POST /auth/confirm-email": lambda: {"token": "A" * 43},
        "POST /auth/resend-confirmation": lambda: {"email": "nobody@example.org"},
        "POST /auth/login": lambda: {"email": "nobody@example.org", "password": "plum-tower-quiet-anchor-9"},
        "POST /auth/refresh": lambda: {"refreshToken": "A" * 65},
        "POST /api-keys": lambda: {"name": "A program", "scopes": ["personality:read"]},
        "PATCH /api-keys/{keyId}": lambda: {"name": "Another program"},
        "POST /api-keys/{keyId}/roll": lambda: {"overlapS": 60},
        "POST /api-keys/leak-report": lambda: {"key": "dk_live_x", "url": "https://example.org/paste"},
        "POST /personality": full_profile,
        "PUT /personality/{profileId}": full_profile,
        "PATCH /personality/{profileId}": full_profile,
        "POST /personality/{profileId}/traits": trait,
        "POST /personality/{profileId}/patterns": pattern,
        "POST /personality/{profileId}/memories": memory,
        "POST /conversations": lambda: {"profileId": ids["profileId"], "title": "A title"},
        "POST /conversations/{conversationId}/messages": lambda: {"content": "Good morning!"},
        "POST /api/chat/send": lambda: {"conversationId": ids["conversationId"], "message": "Good morning!"},
    }
    maker = makers.get(f"{operation.method} {operation.path.removeprefix('/api/v1')}")
    return maker() if maker else made(operation.request_schema())


def made(schema):
    """A value that a schema takes: all that is due, and of a patch, where nothing is, the first member."""
    schema = contract().resolve(schema)
    if "anyOf" in schema or "oneOf" in schema:
        return made(schema.get("anyOf", schema.get("oneOf"))[0])
    kind = schema["type"][0] if isinstance(schema["type"], list) else schema["type"]
    if kind == "object":
        names = schema.get("required") or list(schema.get("properties", {}))[:1]
        return {name: made(schema["properties"][name]) for name in names}
    if kind == "array":
        return [made(schema["items"]) for _ in range(schema.get("minItems", 0))]
    if kind == "string":
        known = {"uuid": "018f0000-0000-7000-8000-000000000000", "email": "nobody@example.org", "date-time": "2026-01-31T09:30:00.000Z",
                 "password": "plum-tower-quiet-anchor-9"}
        return schema.get("enum", [known.get(schema.get("format"), "1" * max(1, schema.get("minLength", 1)))])[0]
    return {"integer": schema.get("minimum", 1), "number": schema.get("minimum", 1), "boolean": True}[kind]
