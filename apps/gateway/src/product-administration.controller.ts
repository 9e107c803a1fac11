import { Controller } from '@nestjs/common';
import { newProduct, productPatch, productRecord } from '@shop/contracts';
import { productAdministrationToldAs } from './product-administration.ts';
import { strict } from './strict.ts';

@Controller('v1/products')
export class ProductAdministrationController extends productAdministrationToldAs({
  record: productRecord,
  product: strict(newProduct),
  patch: strict(productPatch),
  tell: (record) => record,
  productOf: (product) => product,
  patchOf: (patch) => patch,
}) {}
