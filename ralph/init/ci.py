"""`.github/workflows/ralph.yml`: a nightly run on GitHub's machines. The text is fixed, so nothing of a repo gets into a shell's words.

Knows nothing about what `ralph init` finds in a repo.
"""

from pathlib import Path

from ralph.errors import RalphError
from ralph.init.write import place, refuse_odd
from ralph.version import VERSION

PLACE = Path(".github/workflows/ralph.yml")
WORKFLOW = """\
# Ralph works on this repo's PRD every night, pushes the branch and opens a pull request. Written by `ralph init --ci`.
#
# Once, in the repo's settings on GitHub:
#   Secrets and variables > Actions: a secret ANTHROPIC_API_KEY
#   Actions > General: "Allow GitHub Actions to create and approve pull requests"
# In a public repo the artifact (what the model read and wrote) can be downloaded by anybody: remove that step if it must not.
name: ralph

on:
  schedule:
    - cron: "17 2 * * *" # UTC; off the full hour, when GitHub starts late or not at all
  workflow_dispatch:

permissions:
  contents: write
  pull-requests: write

concurrency: # never two at a time; a run that has begun is not ended by the next one
  group: ralph
  cancel-in-progress: false

env:
  RALPH_PACKAGE: ralph-runner==@VERSION@ # or where you install it from, such as git+https://github.com/OWNER/NAME@TAG
  MAX_COST: "5.00" # US dollars for one run
  MAX_PER_DAY: "10.00" # and for all runs of a day; nights count together, as long as the state below is kept

jobs:
  night:
    runs-on: ubuntu-24.04
    timeout-minutes: 350
    defaults:
      run:
        shell: bash # with -eo pipefail
    steps:
      - uses: actions/checkout@v6
        with:
          fetch-depth: 0 # Ralph reads the history to know what is done
          persist-credentials: false # the agent reads .git/config; only the last steps get a token

      - uses: actions/setup-python@v6
        with:
          python-version: "3.12"

      - name: Install Ralph
        run: python -m pip install "$RALPH_PACKAGE"

      - name: Let the sandbox work
        run: |
          sudo apt-get update -q
          sudo apt-get install -qy bubblewrap
          # Ubuntu 24.04 keeps ordinary users from user namespaces, which the sandbox is made of
          if [ -e /proc/sys/kernel/apparmor_restrict_unprivileged_userns ]; then
            sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0
          fi

      - name: Name the state folder
        run: echo "RALPH_HOME=$HOME/ralph-state" >> "$GITHUB_ENV"

      - name: Bring back the state of the nights before # attempts, parked stories, the day's spending
        uses: actions/cache/restore@v5
        with:
          path: |
            ${{ env.RALPH_HOME }}
            !${{ env.RALPH_HOME }}/worktrees
          key: ralph-state-${{ github.run_id }}-${{ github.run_attempt }}
          restore-keys: ralph-state-

      - name: Settings that are not the repo's to choose
        run: |
          mkdir -p -m 700 "$RALPH_HOME"
          printf '[limits]\\nper_day_usd = %s\\n\\n[report]\\npull_request = true\\n' "$MAX_PER_DAY" > "$RALPH_HOME/config.toml"
          git config --global user.name "github-actions[bot]"
          git config --global user.email "41898282+github-actions[bot]@users.noreply.github.com"
          # whoever may change the default branch may change this workflow too, so its ralph.toml is trusted as it is
          if [ -e ralph.toml ]; then ralph trust; fi

      - name: Go on with the branch of the nights before
        id: branch
        run: |
          ralph status --json > "$RUNNER_TEMP/status.json" || [ $? -eq 1 ] # 1: stories remain
          branch=$(python -c 'import json, sys; print(json.load(open(sys.argv[1]))["branch"])' "$RUNNER_TEMP/status.json")
          git check-ref-format "refs/heads/$branch"
          if git show-ref --verify --quiet "refs/remotes/origin/$branch" && ! git show-ref --verify --quiet "refs/heads/$branch"; then
            git branch --no-track -- "$branch" "refs/remotes/origin/$branch"
          fi
          echo "name=$branch" >> "$GITHUB_OUTPUT"

      - name: Work on the stories
        env:
          ANTHROPIC_API_KEY: ${{ secrets.ANTHROPIC_API_KEY }}
        run: |
          set +e
          ralph run --sandbox required --max-cost "$MAX_COST" --max-duration 5h --json | tee "$RUNNER_TEMP/ralph.jsonl"
          code=${PIPESTATUS[0]}
          case "$code" in
            0 | 1 | 3) echo "ralph run: exit code $code; 1 and 3 mean that stories remain for another night" ;;
            *) echo "::error::ralph run: exit code $code; docs/exit-codes.md of Ralph says what to do"; exit "$code" ;;
          esac

      - name: Push the branch
        if: ${{ always() && steps.branch.outputs.name }}
        env:
          BRANCH: ${{ steps.branch.outputs.name }}
          GH_TOKEN: ${{ github.token }}
        run: |
          gh auth setup-git
          if git show-ref --verify --quiet "refs/heads/$BRANCH"; then
            git push origin "refs/heads/$BRANCH:refs/heads/$BRANCH"
          fi

      - name: Report in a pull request
        if: ${{ always() && steps.branch.outputs.name }}
        env:
          BRANCH: ${{ steps.branch.outputs.name }}
          GH_TOKEN: ${{ github.token }}
        run: |
          ralph report --since 24h --format markdown >> "$GITHUB_STEP_SUMMARY" # on the page of this run, also of a night without a story
          if git show-ref --verify --quiet "refs/heads/$BRANCH" && [ "$(git rev-list --count "HEAD..refs/heads/$BRANCH")" -gt 0 ]; then
            ralph report --pr --since 24h
          fi

      - name: Keep the state for the next night
        if: always()
        uses: actions/cache/save@v5
        with:
          path: |
            ${{ env.RALPH_HOME }}
            !${{ env.RALPH_HOME }}/worktrees
          key: ralph-state-${{ github.run_id }}-${{ github.run_attempt }}

      - name: Hand over the traces # open them with: RALPH_HOME=folder ralph ui
        if: always()
        uses: actions/upload-artifact@v6
        with:
          name: ralph-traces
          path: |
            ${{ env.RALPH_HOME }}/traces.db*
            ${{ env.RALPH_HOME }}/runs/
          if-no-files-found: ignore
          retention-days: 30
"""
NEXT = (
    "on GitHub, once: add the secret ANTHROPIC_API_KEY (Settings > Secrets and variables > Actions)",
    "and allow Actions to open pull requests (Settings > Actions > General)",
    "then commit and push the file to the default branch; GitHub runs schedules from there alone",
    "and try it at once: gh workflow run ralph.yml",
)


def workflow() -> str:
    return WORKFLOW.replace("@VERSION@", VERSION)


def write_workflow(root: Path, *, force: bool) -> list[str]:
    """Put the workflow into the checkout; what to say of it, and what is to be done then.

    Raises:
        RalphError: another file is there, and `force` was not given.
    """
    path, data = root / PLACE, workflow().encode()
    refuse_odd(path)
    was = path.read_bytes() if path.exists() else None
    if was == data:
        return [f"{PLACE} is there already, as `ralph init --ci` writes it; nothing was changed"]
    if was is not None and not force:
        raise RalphError(
            f"{path} is there already and differs from what would be written. `ralph init --ci --dry-run` prints that; "
            f"`ralph init --ci --force` writes it, and keeps yours as {PLACE.name}.bak."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = place(path, data)
    return [f"wrote {PLACE}" + (f"; the old one is kept as {kept.name}" if kept else ""), *NEXT]
