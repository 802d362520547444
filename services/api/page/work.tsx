// What runs and what has ended: operations that were started here, projects, and the work of a cluster.
import { useSignal } from '@preact/signals';
import * as api from './api.ts';
import { jobs, projects } from './beside.ts';
import { grouped, trying } from './state.ts';

export function Work() {
  const { jobs: own, scans, projects: ofCluster } = jobs.value;
  const method = useSignal<Method>('move');
  const canDownload = projects.value?.canDownload === true && projects.value.projects.length > 0;
  return (
    <section aria-label="Work">
      <h2>Started here</h2>
      {own.length === 0 && <p class="count">Nothing was started since this began to serve.</p>}
      <ul class="jobs">
        {own.map((one) => (
          <JobLine key={one.id} job={one} />
        ))}
      </ul>
      <h2>Projects</h2>
      {canDownload && (
        <label>
          Download with{' '}
          <select value={method.value} onChange={(event) => (method.value = event.currentTarget.value as Method)}>
            <option value="move">C-MOVE: the PACS knows this machine</option>
            <option value="get">C-GET: it need not</option>
          </select>
        </label>
      )}
      <ul class="jobs">
        {projects.value?.projects.map((project) => (
          <li key={project}>
            {project}{' '}
            {canDownload && (
              <button type="button" onClick={() => void trying(() => download(project, method.value))}>
                Download {project}
              </button>
            )}{' '}
            <button type="button" onClick={() => void trying(() => saveReport(project))}>
              Report of {project}
            </button>
          </li>
        ))}
      </ul>
      {ofCluster.length + scans.length > 0 && <h2>In the cluster</h2>}
      <ul class="jobs">
        {ofCluster.map(({ id, what, project, startedAt }) => (
          <li key={id}>
            {what} of project {project}, since {startedAt.slice(0, 19)}Z <Cancel id={id} />
          </li>
        ))}
        {scans.map(({ id, archive, status, files, instances, endedAt, failure }) => (
          <li key={id}>
            Scan of {archive}: {status}, {grouped(files)} files, {grouped(instances)} instances {failure}
            {endedAt === undefined && <Cancel id={id} />}
          </li>
        ))}
      </ul>
    </section>
  );
}

/** How a PACS is asked for instances. */
type Method = 'move' | 'get';

function download(project: string, method: Method) {
  return api.start({ operation: 'project-download', project, method });
}

function JobLine({ job }: { readonly job: api.Job }) {
  const lines = useSignal<readonly string[]>([]);
  const { id, operation, subject, status, progress, hasResults } = job;
  return (
    <li>
      <strong>{operation}</strong> {subject}: <span role="status">{status}</span>
      {progress !== undefined && (
        <>
          {' '}
          <progress value={progress.done} aria-label={`${operation} of ${subject}`} /> {progress.step}: {progress.text}
        </>
      )}{' '}
      {status === 'running' && <Cancel id={id} />}
      {hasResults && (
        <button type="button" onClick={() => void trying(() => saveResults(id))}>
          Results
        </button>
      )}{' '}
      <button type="button" onClick={() => void trying(async () => (lines.value = (await api.job(id)).lines))}>
        What it said
      </button>
      {lines.value.length > 0 && <pre>{lines.value.join('\n')}</pre>}
    </li>
  );
}

function Cancel({ id }: { readonly id: string }) {
  return (
    <button type="button" onClick={() => void trying(() => api.cancel(id))}>
      Cancel
    </button>
  );
}

async function saveResults(id: string): Promise<void> {
  api.save(await (await api.ask('GET', `jobs/${id}/results`)).blob(), `results-${id}.csv`);
}

async function saveReport(project: string): Promise<void> {
  const report = await api.ask('GET', `projects/${encodeURIComponent(project)}/report?format=text`);
  api.save(await report.blob(), `${project}_report.txt`);
}
