"""The database as its superuser sees it: what is stored, behind the API's back."""
import psycopg2

SEALING = ("audit_seal", "audit_unsealed")  # which the worker fills and empties in its own time


class Database:
    def __init__(self, system):
        self.connection = psycopg2.connect(system.conninfo("postgres"))
        self.connection.autocommit = True
        tables = self.rows("SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1")
        self.counting = " UNION ALL ".join(f"SELECT '{name}', count(*) FROM {name}" for name, in tables
                                           if name not in SEALING)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def rows(self, sql, *params):
        with self.connection.cursor() as cursor:
            cursor.execute(sql, params or None)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql, *params):
        return self.rows(sql, *params)[0][0]

    def counts(self):
        """{table: rows}"""
        return dict(self.rows(self.counting))
