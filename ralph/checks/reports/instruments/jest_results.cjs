'use strict';
// jest calls this with all results when it is done; other reporters stay as they are configured.

function outcome(test) {
  if (test.status === 'failed') return 'failed';
  if (test.status === 'passed') return test.failing ? 'xfailed' : 'passed';
  return 'skipped';
}

module.exports = (results) => {
  try {
    let say, unique;
    process.emit('runner-reports', (given) => ({ say, unique } = given));
    for (const file of say ? results.testResults : []) {
      const project = (file.displayName || {}).name;
      const place = project ? `${file.testFilePath} > [${project}]` : file.testFilePath;
      if (file.testExecError) say({ uncollected: file.testFilePath });
      for (const test of file.testResults) {
        say({ id: unique([place, ...test.ancestorTitles, test.title].join(' > ')), outcome: outcome(test) });
      }
    }
    if (say) say({ end: true, whole: !(results.wasInterrupted && results.success) });
  } catch (error) {
    /* the run goes on */
  }
  return results;
};
