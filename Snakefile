import shlex
import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.20")

# Snakemake puts this path into a shell command without quotation marks: a clone below "My Papers" needs them.
sys.executable = shlex.quote(sys.executable)


report: "report/start.rst"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/encoding.smk"
include: "rules/training.smk"
include: "rules/scaling.smk"
include: "rules/statistics.smk"
include: "rules/report.smk"
include: "rules/archive.smk"


look_again([*FETCHED, *FEATURES, *COMPLETE])


# No output of its own: whatever page, table, figure or record is missing or stale is made again.
rule report:
    default_target: True
    input:
        FETCHED,
        RECORDS,
        COMPLETE,
        STATISTICS,
        TABLES,
        FIGURES,
        REPORT,
    message:
        "The report stands"


onstart:
    # Snakemake's default limit of 100 jobs a second is out of reach here, and with it every job that ends leaves a timer
    # that looks through all files once a second, in the end 8 % of a core. A limit of the user's stays.
    limit = workflow.scheduling_settings.max_jobs_per_timespan
    if limit and (limit.max_jobs, limit.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
    if TIME and not Path(TIME[0]).exists():
        mark_start(Path(TIME[0]).parent, RECORDS, workflow.resource_settings.cores)


onsuccess:
    print_summary()
