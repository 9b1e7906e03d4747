import { importAgainstCopy } from '../measure-load.ts';

export default importAgainstCopy({
  name: 'import-users-csv',
  description: 'import of users from CSV against raw COPY',
  reach: { ratio: 0.9 },
  resource: 'users',
  format: 'csv',
});
