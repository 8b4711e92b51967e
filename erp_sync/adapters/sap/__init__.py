"""SAP S/4HANA as the ERP: its published OData services, spoken to over HTTPS."""
