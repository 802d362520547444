// The API's description of itself, for people: what /openapi.json says, route by route.
import { signal } from '@preact/signals';
import { render } from 'preact';

interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
}

interface Operation {
  readonly summary?: string;
  readonly parameters?: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly responses?: Readonly<
    Record<string, { readonly content?: Readonly<Record<string, { readonly schema: Schema }>> }>
  >;
}

interface Description {
  readonly info: { readonly title: string; readonly description?: string };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

const description = signal<Description | undefined>(undefined);
const wrong = signal('');

function Shape({ schema }: { readonly schema: Schema }) {
  const either = schema.anyOf ?? schema.oneOf;
  if (either !== undefined)
    return (
      <ul>
        {either.map((one) => (
          <li key={JSON.stringify(one).slice(0, 200)}>
            <Shape schema={one} />
          </li>
        ))}
      </ul>
    );
  if (schema.type === 'array' && schema.items !== undefined)
    return (
      <>
        list of <Shape schema={schema.items} />
      </>
    );
  if (schema.properties === undefined) return <>{kindOf(schema)}</>;
  return (
    <dl>
      {Object.entries(schema.properties).map(([name, property]) => (
        <div key={name}>
          <dt>
            <code>{name}</code>
            {schema.required?.includes(name) !== true && <span class="count"> optional</span>}
          </dt>
          <dd>
            <Shape schema={property} />{' '}
            {property.description !== undefined && <span class="count">{property.description}</span>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function kindOf({ type, enum: values, const: only }: Schema): string {
  if (only !== undefined) return JSON.stringify(only);
  if (values !== undefined && values.length < 12) return values.map((value) => JSON.stringify(value)).join(' or ');
  return type ?? 'anything';
}

function Route({
  method,
  path,
  operation,
}: {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}) {
  const body = Object.values(operation.requestBody?.content ?? {})[0]?.schema;
  const answer = Object.values(operation.responses?.['200']?.content ?? operation.responses?.['202']?.content ?? {})[0]
    ?.schema;
  return (
    <details>
      <summary>
        <code>
          {method.toUpperCase()} {path}
        </code>{' '}
        {operation.summary}
      </summary>
      {operation.parameters !== undefined && (
        <p>
          With{' '}
          {operation.parameters.map(({ name, in: where, schema }) => (
            <span key={name}>
              <code>{name}</code> ({where}, {kindOf(schema)}){' '}
            </span>
          ))}
        </p>
      )}
      {body !== undefined && (
        <>
          <h3>Asked with</h3>
          <Shape schema={body} />
        </>
      )}
      {answer !== undefined && (
        <>
          <h3>Answers</h3>
          <Shape schema={answer} />
        </>
      )}
    </details>
  );
}

function Viewer() {
  const { info, paths = {} } = description.value ?? {};
  return (
    <>
      <header>
        <h1>The API of {info?.title}</h1>
        <nav aria-label="Views">
          <a href="./">The page</a> <a href="openapi.json">openapi.json</a>
        </nav>
      </header>
      <main class="single">
        <p role="alert">{wrong.value}</p>
        {Object.entries(paths).flatMap(([path, methods]) =>
          Object.entries(methods).map(([method, operation]) => (
            <Route key={`${method} ${path}`} method={method} path={path} operation={operation} />
          )),
        )}
      </main>
    </>
  );
}

fetch('openapi.json')
  .then(async (answer) => (description.value = (await answer.json()) as Description))
  .catch((error: Error) => (wrong.value = error.message));
render(<Viewer />, document.body);
