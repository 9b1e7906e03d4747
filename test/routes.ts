import type { FastifyInstance } from 'fastify';

/** Fastify's own table, as `METHOD url`; it draws a tree, in which a child's url goes on where its parent's ends. */
export function routesOf(app: FastifyInstance): string[] {
  const parents: string[] = [];
  return app
    .printRoutes()
    .split('\n')
    .filter((line) => line !== '' && line !== '└── (empty root node)')
    .flatMap((line) => {
      const [, tree = '', segment = '', methods = ''] =
        /^((?:│ {3}| {4})*[├└]── )(\S+)(?: \(([A-Z, ]+)\))?$/.exec(line) ?? [];
      if (segment === '') throw new Error(`a route that this test cannot read: ${line}`);
      // Without that root, which is one step.
      const depth = tree.length / 4 - 2;
      parents.length = depth;
      parents.push(segment);
      // A piece that several urls begin with is no route.
      return methods === '' ? [] : methods.split(', ').map((method) => `${method} ${parents.join('')}`);
    });
}
