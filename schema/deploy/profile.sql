-- Deploy digitalme:profile to pg
-- Profiles with traits, patterns, memories and example dialogues. What a reply may draw on carries a text search vector, made by
-- PostgreSQL in the language of the profile; the GIN indexes begin with the profile's id, so that a search reads one profile
-- only, and have no pending list, so that it takes the same time after many writes.

BEGIN;

CREATE EXTENSION IF NOT EXISTS btree_gin;

-- A language tag ("de-AT") to the text search configuration of its language; English without a tag, and for other languages no
-- stemming and no stop words.
-- Rows keep the language and not the regconfig: pg_upgrade refuses clusters with columns of that type.
CREATE FUNCTION search_config_of(language text) RETURNS regconfig
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE lower(split_part(coalesce(language, 'en'), '-', 1))
    WHEN 'ar' THEN 'pg_catalog.arabic'::regconfig
    WHEN 'ca' THEN 'pg_catalog.catalan'::regconfig
    WHEN 'da' THEN 'pg_catalog.danish'::regconfig
    WHEN 'de' THEN 'pg_catalog.german'::regconfig
    WHEN 'el' THEN 'pg_catalog.greek'::regconfig
    WHEN 'en' THEN 'pg_catalog.english'::regconfig
    WHEN 'es' THEN 'pg_catalog.spanish'::regconfig
    WHEN 'eu' THEN 'pg_catalog.basque'::regconfig
    WHEN 'fi' THEN 'pg_catalog.finnish'::regconfig
    WHEN 'fr' THEN 'pg_catalog.french'::regconfig
    WHEN 'ga' THEN 'pg_catalog.irish'::regconfig
    WHEN 'hi' THEN 'pg_catalog.hindi'::regconfig
    WHEN 'hu' THEN 'pg_catalog.hungarian'::regconfig
    WHEN 'hy' THEN 'pg_catalog.armenian'::regconfig
    WHEN 'id' THEN 'pg_catalog.indonesian'::regconfig
    WHEN 'it' THEN 'pg_catalog.italian'::regconfig
    WHEN 'lt' THEN 'pg_catalog.lithuanian'::regconfig
    WHEN 'nb' THEN 'pg_catalog.norwegian'::regconfig
    WHEN 'ne' THEN 'pg_catalog.nepali'::regconfig
    WHEN 'nl' THEN 'pg_catalog.dutch'::regconfig
    WHEN 'nn' THEN 'pg_catalog.norwegian'::regconfig
    WHEN 'no' THEN 'pg_catalog.norwegian'::regconfig
    WHEN 'pt' THEN 'pg_catalog.portuguese'::regconfig
    WHEN 'ro' THEN 'pg_catalog.romanian'::regconfig
    WHEN 'ru' THEN 'pg_catalog.russian'::regconfig
    WHEN 'sr' THEN 'pg_catalog.serbian'::regconfig
    WHEN 'sv' THEN 'pg_catalog.swedish'::regconfig
    WHEN 'ta' THEN 'pg_catalog.tamil'::regconfig
    WHEN 'tr' THEN 'pg_catalog.turkish'::regconfig
    WHEN 'yi' THEN 'pg_catalog.yiddish'::regconfig
    ELSE 'pg_catalog.simple'::regconfig
END;

CREATE TABLE profile (
    id uuid PRIMARY KEY,
    owner_id uuid NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 100),
    description text NOT NULL CHECK (char_length(description) <= 5000),
    age integer CHECK (age BETWEEN 0 AND 150),
    profession text CHECK (char_length(profession) BETWEEN 1 AND 200),
    location text CHECK (char_length(location) BETWEEN 1 AND 200),
    language text CHECK (char_length(language) BETWEEN 1 AND 35),
    core_values jsonb NOT NULL CHECK (
        jsonb_typeof(core_values) = 'array'
        AND jsonb_array_length(core_values) <= 50
        AND NOT jsonb_path_exists(core_values, '$[*] ? (@.type() != "string")')
    ),
    communication_style jsonb NOT NULL CHECK (
        jsonb_typeof(communication_style) = 'object'
        AND octet_length(communication_style::text) <= 204800
    ),
    technical_preferences jsonb NOT NULL CHECK (
        jsonb_typeof(technical_preferences) = 'object'
        AND octet_length(technical_preferences::text) <= 204800
    ),
    big_five jsonb CHECK (
        jsonb_typeof(big_five) = 'object'
        AND NOT jsonb_path_exists(big_five, '$.* ? (@.type() != "number" || @ < 0 || @ > 1)')
    ),
    example_dialogues jsonb NOT NULL CHECK (
        jsonb_typeof(example_dialogues) = 'array' AND jsonb_array_length(example_dialogues) <= 200
    ),
    visibility text NOT NULL CHECK (visibility IN ('private', 'link', 'public')),
    is_active boolean NOT NULL,
    accuracy_score double precision CHECK (accuracy_score BETWEEN 0 AND 1),
    version integer NOT NULL DEFAULT 1 CHECK (version > 0),
    change_reason text CHECK (char_length(change_reason) BETWEEN 1 AND 500),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid NOT NULL,
    updated_by uuid NOT NULL
);
CREATE INDEX profile_owner ON profile (owner_id, id);

-- The search side of profile.example_dialogues, written anew with it. 'A' marks what the other says, 'B' the self's reply.
CREATE TABLE example_dialogue (
    profile_id uuid NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
    position integer NOT NULL CHECK (position BETWEEN 0 AND 199),
    user_text text NOT NULL CHECK (char_length(user_text) BETWEEN 1 AND 1000),
    reply_text text NOT NULL CHECK (char_length(reply_text) BETWEEN 1 AND 2000),
    language text CHECK (char_length(language) BETWEEN 1 AND 35),
    tsv tsvector NOT NULL GENERATED ALWAYS AS (
        setweight(to_tsvector(search_config_of(language), user_text), 'A')
        || setweight(to_tsvector(search_config_of(language), reply_text), 'B')
    ) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid NOT NULL,
    updated_by uuid NOT NULL,
    PRIMARY KEY (profile_id, position)
);
CREATE INDEX example_dialogue_tsv ON example_dialogue USING gin (profile_id, tsv) WITH (fastupdate = off);
CREATE INDEX example_dialogue_trgm ON example_dialogue USING gin (profile_id, user_text gin_trgm_ops) WITH (fastupdate = off);

CREATE TABLE trait (
    id uuid PRIMARY KEY,
    profile_id uuid NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
    category text NOT NULL CHECK (char_length(category) BETWEEN 1 AND 100),
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    description text NOT NULL CHECK (char_length(description) <= 1000),
    weight double precision NOT NULL CHECK (weight BETWEEN 0 AND 10),
    confidence double precision NOT NULL CHECK (confidence BETWEEN 0 AND 1),
    context_tags jsonb NOT NULL CHECK (
        jsonb_typeof(context_tags) = 'array' AND jsonb_array_length(context_tags) <= 50
    ),
    example_expressions jsonb NOT NULL CHECK (
        jsonb_typeof(example_expressions) = 'array'
        AND jsonb_array_length(example_expressions) <= 50
    ),
    impact_level text NOT NULL CHECK (impact_level IN ('low', 'medium', 'high')),
    source text CHECK (char_length(source) BETWEEN 1 AND 200),
    is_active boolean NOT NULL,
    language text CHECK (char_length(language) BETWEEN 1 AND 35),
    tsv tsvector NOT NULL GENERATED ALWAYS AS (
        to_tsvector(search_config_of(language), name || ' ' || description)
    ) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid NOT NULL,
    updated_by uuid NOT NULL
);
CREATE INDEX trait_profile ON trait (profile_id, id);
CREATE INDEX trait_tsv ON trait USING gin (profile_id, tsv) WITH (fastupdate = off);

CREATE TABLE pattern (
    id uuid PRIMARY KEY,
    profile_id uuid NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
    name text NOT NULL CHECK (char_length(name) BETWEEN 1 AND 200),
    trigger text NOT NULL CHECK (char_length(trigger) BETWEEN 1 AND 100),
    conditions jsonb NOT NULL CHECK (jsonb_typeof(conditions) = 'object'),
    modifications jsonb NOT NULL CHECK (
        jsonb_typeof(modifications) = 'object' AND octet_length(modifications::text) <= 204800
    ),
    priority integer NOT NULL CHECK (priority BETWEEN 1 AND 10),
    is_active boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid NOT NULL,
    updated_by uuid NOT NULL
);
CREATE INDEX pattern_profile ON pattern (profile_id, id);

CREATE TABLE memory (
    id uuid PRIMARY KEY,
    profile_id uuid NOT NULL REFERENCES profile (id) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('fact', 'sample', 'event')),
    text text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 4000),
    source text CHECK (char_length(source) BETWEEN 1 AND 200),
    occurred_at timestamptz,
    importance double precision NOT NULL CHECK (importance BETWEEN 0 AND 1),
    language text CHECK (char_length(language) BETWEEN 1 AND 35),
    tsv tsvector NOT NULL GENERATED ALWAYS AS (to_tsvector(search_config_of(language), text)) STORED,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    created_by uuid NOT NULL,
    updated_by uuid NOT NULL
);
CREATE INDEX memory_profile ON memory (profile_id, id);
CREATE INDEX memory_tsv ON memory USING gin (profile_id, tsv) WITH (fastupdate = off);
CREATE INDEX memory_trgm ON memory USING gin (profile_id, text gin_trgm_ops) WITH (fastupdate = off);

GRANT EXECUTE ON FUNCTION search_config_of(text) TO digitalme_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON profile TO digitalme_api;
GRANT SELECT, INSERT, DELETE ON example_dialogue TO digitalme_api;
-- UPDATE: another language of the profile is written through to what is searched.
GRANT SELECT, INSERT, UPDATE (language) ON trait, memory TO digitalme_api;
GRANT SELECT, INSERT ON pattern TO digitalme_api;

COMMIT;
